import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Datagrams, DatagramSocket } from "../linux/datagrams.ts";
import { type Endpoint, formatEndpoint } from "../linux/sockets.ts";
import type { Health } from "../wan/health.ts";
import { joinFigures, type WayFigures } from "../wan/figures.ts";
import type { Way } from "../wan/subflows.ts";
import { WayHealth } from "../wan/wayhealth.ts";
import { decodeProbe, encodeProbe, isAuthentic } from "../wire/probe.ts";

export interface WaysOptions {
  /** Id of the session that probes belong to. */
  readonly session: Buffer;
  readonly datagrams: Datagrams;
  /** Where the server is reached from an address, as far as it is known. */
  readonly remoteFor: (localAddress: string) => Endpoint | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Time between looks at which probes are due (ms): what a burst is made of. */
const TICK_MS = 50;
/** The wire has 16 bits for the number of a path. */
const MAX_PATH = 0xffff;

/** At the dialling side: how every way out fares, by what subflows tell and by probes. */
export class Ways {
  readonly #options: WaysOptions;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<(way: Way) => void>();
  readonly #watchers = new Set<() => void>();
  #key: Buffer | undefined;
  #paths = 0;
  #cancel: (() => void) | undefined;

  constructor(options: WaysOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel ??= this.#options.clock.every(TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const { close } of this.#known.values()) close();
    this.#known.clear();
  }

  /** The ways there are now. Of those that stay, nothing is forgotten. */
  update(ways: readonly Way[]): void {
    const keys = new Set(ways.map(keyOf));
    for (const [key, known] of this.#known) {
      if (keys.has(key)) continue;
      known.close();
      this.#known.delete(key);
    }
    for (const way of ways) this.#of(way).way = way;
  }

  /** What is known of one way. */
  of(way: Way): WayHealth {
    return this.#of(way).health;
  }

  /** Of a WAN, by its name: all its ways together, and of its ways the one that fares best. */
  figures(name: string): WayFigures {
    const now = this.#options.clock.now();
    return joinFigures(
      [...this.#known.values()]
        .filter(({ way }) => way.name === name)
        .map(({ health }) => health.figures(now)),
    );
  }

  health(name: string): Health {
    return this.figures(name).health;
  }

  /** `listener` is called when a way on which nothing was answered answers again. Returns what ends that. */
  onReturn(listener: (way: Way) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `watcher` is called when a way turns out to be there, is dead, or no longer. Returns what ends that. */
  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** What probes are to be authentic by from now on; before there is any, none is sent. */
  useKey(key: Buffer): void {
    this.#key = key;
  }

  #of(way: Way): Known {
    const key = keyOf(way);
    const known = this.#known.get(key) ?? new Known(way, (this.#paths++ % MAX_PATH) + 1);
    this.#known.set(key, known);
    return known;
  }

  #tick(): void {
    const now = this.#options.clock.now();
    for (const known of this.#known.values()) {
      this.#probe(now, known);
      this.#tell(known);
    }
  }

  #probe(now: number, known: Known): void {
    const { session, remoteFor } = this.#options;
    const remote = remoteFor(known.way.localAddress);
    if (this.#key === undefined || remote === undefined) return;
    for (;;) {
      const number = known.health.probe(now);
      if (number === undefined) return;
      known.socket ??= this.#open(known);
      known.socket?.send(encodeProbe({ kind: "ask", path: known.path, session, number }, this.#key), remote);
    }
  }

  #open(known: Known): DatagramSocket | undefined {
    const { datagrams, log } = this.#options;
    const { localAddress, device, name } = known.way;
    try {
      return datagrams.open({
        local: { address: localAddress, port: 0 },
        device,
        onDatagram: (bytes, from) => this.#onDatagram(known, bytes, from),
      });
    } catch (error) {
      log.debug({ wan: name, why: messageOf(error) }, "cannot probe");
      return undefined;
    }
  }

  #onDatagram(known: Known, bytes: Buffer, from: Endpoint): void {
    const remote = this.#options.remoteFor(known.way.localAddress);
    if (this.#key === undefined || remote === undefined || formatEndpoint(remote) !== formatEndpoint(from))
      return;
    const probe = decodeProbe(bytes);
    const ours =
      probe?.kind === "answer" && probe.path === known.path && probe.session.equals(this.#options.session);
    if (!ours || !isAuthentic(bytes, this.#key)) return;
    known.health.answered(this.#options.clock.now(), probe.number);
    this.#tell(known);
  }

  #warn(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Logs what has changed, and tells who waits for a return. */
  #tell(known: Known): void {
    const { way, health } = known;
    const { silent, state } = health;
    const muted = health.probing.health.state === "dead";
    const silenced = muted && !known.muted;
    known.muted = muted;
    if (state !== known.state) {
      const fields = { wan: way.name, from: way.localAddress, was: known.state, is: state };
      // A line that loses much is in doubt and out of it many times a second.
      const doubt = isDoubt(state) && isDoubt(known.state);
      known.state = state;
      if (state === "dead") this.#options.log.warn(fields, "WAN does not answer");
      else this.#options.log.debug(fields, "WAN's health changed");
      if (!doubt && !silenced) this.#warn();
    }
    if (silenced) this.#warn();
    const back = known.silent && !silent;
    known.silent = silent;
    if (back) for (const listener of this.#listeners) listener(way);
  }
}

/** What is kept for one way. */
class Known {
  way: Way;
  readonly path: number;
  readonly health = new WayHealth();
  state: Health = "unknown";
  silent = false;
  /** Whether probes get no answer any more. */
  muted = false;
  socket: DatagramSocket | undefined;

  constructor(way: Way, path: number) {
    this.way = way;
    this.path = path;
  }

  readonly close = (): void => this.socket?.close();
}

const keyOf = ({ localAddress, device = "" }: Way): string => `${localAddress} ${device}`;

const isDoubt = (health: Health): boolean => health === "up" || health === "suspect";

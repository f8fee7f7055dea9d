import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { dropOldest } from "../base/oldest.ts";
import type { Datagrams, DatagramSocket } from "../linux/datagrams.ts";
import { type Endpoint, formatEndpoint } from "../linux/sockets.ts";
import { ownAddresses } from "./ownaddresses.ts";
import { decodeProbe, encodeProbe, isAuthentic, probeKey } from "../wire/probe.ts";
import { ReplayWindow } from "../wire/replaywindow.ts";

export interface ProbeResponderOptions {
  readonly datagrams: Datagrams;
  /** What the keys of all sessions are made from. */
  readonly secret: Buffer;
  readonly clock: Clock;
  readonly log: Log;
}

/** Addresses come and go; this often (ms) it is seen to that each has its socket. */
const REFRESH_MS = 10_000;
/** Paths whose numbers are remembered: several of each session that there may be; 100 bytes each. */
const MAX_PATHS = 40_000;
/** No router comes from there (RFC 4291 section 2.5.6): nobody forwards to it. */
const LINK_LOCAL = /^fe[89ab]/i;
const WILDCARDS: ReadonlySet<string> = new Set(["::", "0.0.0.0"]);

/**
 * Answers probes at the accepting side: only authentic ones, each once, to where it came from, with as many bytes. It
 * knows no sessions, so any thread may run it for all.
 */
export class ProbeResponder {
  readonly #options: ProbeResponderOptions;
  readonly #ownAddresses: () => ReadonlySet<string>;
  readonly #sockets = new Map<string, DatagramSocket>();
  /** In the order of their last probe. */
  readonly #paths = new Map<string, ReplayWindow>();
  #endpoints: readonly Endpoint[] = [];
  #refused: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: ProbeResponderOptions) {
    this.#options = options;
    this.#ownAddresses = ownAddresses(options.clock);
  }

  /** Answers at these endpoints from now on, as far as they can be had: a server without it works, too. */
  listen(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#cancel ??= this.#options.clock.every(REFRESH_MS, () => this.#refresh());
    this.#refresh();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #refresh(): void {
    const wanted = new Map(this.#wanted().map((local) => [formatEndpoint(local), local]));
    for (const [name, socket] of this.#sockets) {
      if (wanted.has(name)) continue;
      socket.close();
      this.#sockets.delete(name);
    }
    for (const [name, local] of wanted) if (!this.#sockets.has(name)) this.#open(name, local);
  }

  #wanted(): readonly Endpoint[] {
    return this.#endpoints.flatMap(({ address, port }) => {
      if (!WILDCARDS.has(address)) return [{ address, port }];
      const fits = (one: string): boolean => address === "::" || !one.includes(":");
      const own = [...this.#ownAddresses()].filter((one) => fits(one) && !LINK_LOCAL.test(one));
      return own.map((one) => ({ address: one, port }));
    });
  }

  #open(name: string, local: Endpoint): void {
    try {
      const socket = this.#options.datagrams.open({
        local,
        onDatagram: (bytes, from) => this.#onDatagram(name, bytes, from),
      });
      this.#sockets.set(name, socket);
    } catch (error) {
      const why = messageOf(error);
      if (why !== this.#refused) this.#options.log.warn({ why }, "probes over UDP are not answered");
      this.#refused = why;
    }
  }

  #onDatagram(name: string, bytes: Buffer, from: Endpoint): void {
    const probe = decodeProbe(bytes);
    if (probe?.kind !== "ask") return;
    const key = probeKey(this.#options.secret, probe.session);
    if (!isAuthentic(bytes, key) || !this.#isNew(probe.session, probe.path, probe.number)) return;
    this.#sockets.get(name)?.send(encodeProbe({ ...probe, kind: "answer" }, key), from);
  }

  #isNew(session: Buffer, path: number, number: number): boolean {
    const name = `${session.toString("base64")} ${path}`;
    const window = this.#paths.get(name) ?? new ReplayWindow();
    this.#paths.delete(name);
    this.#paths.set(name, window);
    dropOldest(this.#paths, MAX_PATHS);
    return window.take(number);
  }
}

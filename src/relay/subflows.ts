import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { PathManager } from "../linux/pathmanager.ts";
import type { ConnectionInfo, Endpoint } from "../linux/sockets.ts";
import { BestWay } from "../wan/bestway.ts";
import { Load, LOAD_TICK_MS } from "../wan/load.ts";
import { CarrierPaths, type PathStep, SETTLED_MS, type Way } from "../wan/subflows.ts";
import { WayNews } from "../wan/waynews.ts";
import type { Carrier } from "./carrier.ts";
import { sightOf } from "./sight.ts";

export interface SubflowsOptions {
  readonly carriers: ReadonlySet<Carrier>;
  readonly paths: PathManager;
  /** Where the server is reached from an address of the other family than the carrier's; undefined where it is not. */
  readonly otherRemote: (localAddress: string) => Endpoint | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** A way that carriers do without. */
export interface UnusedWay {
  readonly way: string;
  readonly localAddress: string;
  /** How many carriers lack it, of how many that should have it. */
  readonly lacking: number;
  readonly carriers: number;
  /** Tries to mend it so far, of the carrier with the most. */
  readonly repairs: number;
}

/** A carrier on which nothing moves is looked at in every so many ticks: once a second. */
const IDLE_LOOK_TICKS = 10;
/** The kernel's ids of local addresses are bytes; 0 is where a connection began. */
const MAX_ADDRESS_ID = 255;

/** Sees to it that every MPTCP carrier of ours uses the ways it should, and as it should (CarrierPaths decides). */
export class Subflows {
  readonly #options: SubflowsOptions;
  readonly #known = new Map<Carrier, Known>();
  readonly #best = new BestWay();
  readonly #news = new WayNews();
  #ways: readonly Way[] = [];
  #ticks = 0;
  #cancel: (() => void) | undefined;

  constructor(options: SubflowsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel ??= this.#options.clock.every(LOAD_TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The ways there are now: acted on at the next tick. */
  update(ways: readonly Way[]): void {
    this.#ways = ways;
    this.#news.retain(ways.map(({ localAddress }) => localAddress));
    for (const known of this.#known.values()) known.lookNow = true;
  }

  /** Name of the way that quiet carriers use. */
  get best(): string | undefined {
    return this.#best.name;
  }

  /** Ways that carriers lack for longer than a join takes. */
  get unused(): readonly UnusedWay[] {
    const ours = [...this.#known.values()].filter(({ mptcp }) => mptcp);
    return this.#ways.flatMap(({ name, localAddress }) => {
      const cases = ours.flatMap(({ paths }) =>
        paths.lacking.filter(({ way, forMs }) => way.localAddress === localAddress && forMs >= SETTLED_MS),
      );
      if (cases.length === 0) return [];
      const repairs = Math.max(...cases.map((one) => one.repairs));
      return [{ way: name, localAddress, lacking: cases.length, carriers: ours.length, repairs }];
    });
  }

  #tick(): void {
    this.#ticks++;
    for (const carrier of this.#known.keys()) if (carrier.closed) this.#known.delete(carrier);
    const looks: { readonly carrier: Carrier; readonly known: Known; readonly info: ConnectionInfo }[] = [];
    for (const carrier of this.#options.carriers) {
      if (carrier.transport !== "mptcp") continue;
      const known = this.#known.get(carrier) ?? new Known(this.#news);
      this.#known.set(carrier, known);
      if (!known.isDue(carrier.bytesIn + carrier.bytesOut, this.#ticks)) continue;
      const info = carrier.info();
      known.mptcp = info?.mptcp === true;
      if (info?.mptcp === true) looks.push({ carrier, known, info });
    }
    if (looks.length === 0) return;
    // Only when all are looked at: a way of which nothing is seen counts as gone.
    if (this.#best.name === undefined || this.#ticks % IDLE_LOOK_TICKS === 0)
      this.#measure(looks.map(({ info }) => info));
    const stripped = this.#strippedAddresses();
    const repaired = new Map<string, { carriers: number; repairs: number }>();
    for (const { carrier, known, info } of looks) {
      for (const step of this.#decide(carrier, known, info, stripped)) {
        this.#take(carrier, known, info, step);
        if (step.do !== "join" || step.repairs === 0) continue;
        const { carriers, repairs } = repaired.get(step.way.name) ?? { carriers: 0, repairs: 0 };
        repaired.set(step.way.name, {
          carriers: carriers + 1,
          repairs: Math.max(repairs, step.repairs),
        });
      }
    }
    for (const [wan, counts] of repaired)
      this.#options.log.warn({ wan, ...counts }, "WAN unused: connecting anew over it");
  }

  #measure(infos: readonly ConnectionInfo[]): void {
    const sights = infos.flatMap(({ subflows }) =>
      subflows.flatMap((subflow) => {
        const way = this.#ways.find(({ localAddress }) => localAddress === subflow.local.address);
        if (way === undefined || subflow.rttMs === undefined || subflow.state !== "established") return [];
        return [{ way: way.name, rttMs: subflow.rttMs, silentMs: subflow.lastAckRecvMs }];
      }),
    );
    this.#best.look(this.#options.clock.now(), sights);
  }

  /** Where MPTCP does not pass, no join does. */
  #strippedAddresses(): ReadonlySet<string> {
    const stripped = [...this.#options.carriers].filter(
      (carrier) => carrier.transport === "mptcp" && this.#known.get(carrier)?.mptcp === false,
    );
    return new Set(stripped.map(({ local }) => local.address));
  }

  #decide(
    carrier: Carrier,
    known: Known,
    info: ConnectionInfo,
    stripped: ReadonlySet<string>,
  ): readonly PathStep[] {
    return known.paths.decide(this.#options.clock.now(), {
      subflows: info.subflows.map(sightOf).filter((sight) => sight !== undefined),
      ways: this.#waysOf(carrier),
      stripped,
      spread: known.load.spread,
      best: this.#best.name,
    });
  }

  /** One way per WAN, of the carrier's own family where there is one: a second over the same WAN would bring nothing. */
  #waysOf(carrier: Carrier): readonly Way[] {
    const usable = this.#ways.filter(({ localAddress }) => this.#remote(carrier, localAddress) !== undefined);
    const own = usable.filter(({ localAddress }) => sameFamily(localAddress, carrier.remote.address));
    return usable.filter((way) => own.includes(way) || !own.some(({ name }) => name === way.name));
  }

  #remote({ remote }: Carrier, localAddress: string): Endpoint | undefined {
    return sameFamily(remote.address, localAddress) ? remote : this.#options.otherRemote(localAddress);
  }

  #take(carrier: Carrier, known: Known, { token = 0 }: ConnectionInfo, step: PathStep): void {
    const { paths, log } = this.#options;
    try {
      switch (step.do) {
        case "join": {
          const { localAddress } = step.way;
          const remote = this.#remote(carrier, localAddress);
          if (remote === undefined) return;
          known.lookNow = true;
          paths.join(token, { id: known.idOf(localAddress), localAddress, remote, backup: true });
          return;
        }
        case "leave": {
          const { address } = step.subflow.local;
          const id = known.release(address) ?? (address === carrier.local.address ? 0 : undefined);
          if (id === undefined) paths.end(token, step.subflow);
          else paths.leave(token, { ...step.subflow, id });
          return;
        }
        case "end":
          paths.end(token, step.subflow);
          return;
        case "set-backup":
          paths.setBackup(token, step.subflow, step.backup);
      }
    } catch (error) {
      // It went away meanwhile, or is not there yet: what is still wrong is seen at the next look.
      known.paths.refused(step);
      known.lookNow = true;
      log.debug({ carrier: carrier.number, step: step.do, why: messageOf(error) }, "subflow step refused");
    }
  }
}

/** What is kept for one carrier. */
class Known {
  readonly paths: CarrierPaths;
  readonly load = new Load();
  mptcp = true;
  lookNow = true;
  readonly #ids = new Map<string, number>();
  #lastId = 0;
  #bytes = 0;

  constructor(news: WayNews) {
    this.paths = new CarrierPaths(news);
  }

  isDue(bytes: number, tick: number): boolean {
    this.load.tick(bytes);
    const due = this.lookNow || bytes !== this.#bytes || tick % IDLE_LOOK_TICKS === 0;
    this.lookNow = false;
    this.#bytes = bytes;
    return due;
  }

  /** The address's name in the kernel's and the peer's eyes. */
  idOf(address: string): number {
    const known = this.#ids.get(address);
    if (known !== undefined) return known;
    const taken = new Set(this.#ids.values());
    do this.#lastId = (this.#lastId % MAX_ADDRESS_ID) + 1;
    while (taken.has(this.#lastId));
    this.#ids.set(address, this.#lastId);
    return this.#lastId;
  }

  /**
   * That name, for the last time: the next join takes another, since the word that this one is gone may arrive after it.
   * Undefined where there is none (any more).
   */
  release(address: string): number | undefined {
    const id = this.#ids.get(address);
    this.#ids.delete(address);
    return id;
  }
}

const sameFamily = (a: string, b: string): boolean => a.includes(":") === b.includes(":");

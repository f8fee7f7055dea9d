import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { sameFamily } from "../base/family.ts";
import type { Log } from "../base/log.ts";
import { dropOldest } from "../base/oldest.ts";
import type { PathManager } from "../linux/pathmanager.ts";
import type { ConnectionInfo, Endpoint } from "../linux/sockets.ts";
import { BestWay } from "../wan/bestway.ts";
import { Load, LOAD_TICK_MS } from "../wan/load.ts";
import type { NatEntries } from "../wan/natentries.ts";
import { CarrierPaths, type Lacking, type PathStep, SETTLED_MS, type Way } from "../wan/subflows.ts";
import { Watch, type Watched } from "../wan/watch.ts";
import type { WayHealth } from "../wan/wayhealth.ts";
import { Verdict } from "../wire/constants.ts";
import type { Frame } from "../wire/frames.ts";
import type { Carrier } from "./carrier.ts";
import { sightsOf } from "./sight.ts";
import { tellVerdict } from "./verdict.ts";
import type { Ways } from "./ways.ts";

export interface SubflowsOptions {
  readonly carriers: ReadonlySet<Carrier>;
  readonly paths: PathManager;
  readonly health: Ways;
  /** Where the server is reached from an address of the other family than the carrier's; undefined where it is not. */
  readonly otherRemote: (localAddress: string) => Endpoint | undefined;
  /** Where it is noted what joins cost the NATs. */
  readonly entries: NatEntries;
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

/** Time between looks (ms): half of the least time after which a subflow can be dead. */
const TICK_MS = LOAD_TICK_MS / 2;
/** A carrier on which nothing moves is looked at in every so many ticks: once a second. */
const IDLE_LOOK_TICKS = 20;
/** The kernel's ids of local addresses are bytes; 0 is where a connection began. */
const MAX_ADDRESS_ID = 255;

/** Sees to it that every MPTCP carrier of ours uses the ways it should, and as it should (CarrierPaths decides). */
export class Subflows {
  readonly #options: SubflowsOptions;
  readonly #known = new Map<Carrier, Known>();
  readonly #best = new BestWay();
  #ways: readonly Way[] = [];
  #ticks = 0;
  /** The tick in which a verdict was acted upon at once. */
  #obeyedIn: number | undefined;
  #cancel: (() => void)[] = [];

  constructor(options: SubflowsOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, health } = this.#options;
    this.#cancel = [clock.every(TICK_MS, () => this.#tick()), health.onReturn(() => this.#lookNow())];
  }

  stop(): void {
    for (const cancel of this.#cancel) cancel();
    this.#cancel = [];
  }

  /** The ways there are now: acted on at the next tick. */
  update(ways: readonly Way[]): void {
    this.#ways = ways;
    this.#lookNow();
  }

  /** The other end thinks so of a subflow: it alone sees what is lost of what it sends. */
  onVerdict({ carrier: number, addressId, verdict }: Frame & { kind: "verdict" }): void {
    for (const [carrier, known] of this.#known) {
      const address = carrier.number === number ? known.addressOf(addressId, carrier) : undefined;
      const way = this.#ways.find(({ localAddress }) => localAddress === address);
      if (way === undefined) continue;
      if (verdict === Verdict.DEAD) known.condemn(way.localAddress);
      // Probes tell soon whether it is the whole way.
      this.#options.health.of(way).doubt(this.#options.clock.now());
    }
    // For all: whoever has something to send is not to try it there. At once, but no more often than at every tick: to
    // look takes longer than to be told to.
    this.#lookNow();
    if (this.#obeyedIn === this.#ticks) return;
    this.#obeyedIn = this.#ticks;
    this.#lookAll();
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

  #lookNow(): void {
    for (const known of this.#known.values()) known.lookNow = true;
  }

  #tick(): void {
    this.#ticks++;
    for (const carrier of this.#known.keys()) if (carrier.closed) this.#known.delete(carrier);
    for (const carrier of this.#options.carriers) {
      if (carrier.transport !== "mptcp") continue;
      const known = this.#known.get(carrier) ?? new Known((way) => this.#options.health.of(way));
      this.#known.set(carrier, known);
      known.tick(carrier.bytesIn + carrier.bytesOut, this.#ticks);
    }
    this.#lookAll();
  }

  /** Looks at the carriers that are due, and does what follows. */
  #lookAll(): void {
    const looks: Look[] = [];
    for (const [carrier, known] of this.#known) {
      if (carrier.closed || !known.lookNow) continue;
      known.lookNow = false;
      const info = carrier.info();
      known.mptcp = info?.mptcp === true;
      if (info?.mptcp === true) looks.push({ carrier, known, info, subflows: this.#watch(known, info) });
    }
    if (looks.length === 0) return;
    // Only when all are looked at: a way of which nothing is seen counts as gone.
    if (this.#best.name === undefined || this.#ticks % IDLE_LOOK_TICKS === 0)
      this.#measure(looks.map(({ info }) => info));
    this.#decideAll(looks);
  }

  /** What a carrier's subflows tell of themselves, noted for the ways that they take. */
  #watch(known: Known, info: ConnectionInfo | undefined): readonly Watched[] {
    const now = this.#options.clock.now();
    const watched = known.judge(known.watch.look(now, sightsOf(info)));
    for (const one of watched) {
      const way = this.#ways.find(({ localAddress }) => localAddress === one.subflow.local.address);
      if (way !== undefined) this.#options.health.of(way).observe(now, one);
    }
    return watched;
  }

  /** After all were looked at: each decides with what all know. Those with the most to do are first in line. */
  #decideAll(looks: Look[]): void {
    const stripped = this.#strippedAddresses();
    const repaired = new Map<string, { carriers: number; repairs: number }>();
    for (const look of looks.sort((a, b) => b.carrier.rate - a.carrier.rate)) {
      for (const step of this.#decide(look, stripped)) {
        this.#take(look, step);
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

  #decide({ carrier, known, subflows }: Look, stripped: ReadonlySet<string>): readonly PathStep[] {
    const now = this.#options.clock.now();
    const steps = known.paths.decide(now, {
      subflows,
      ways: this.#waysOf(carrier),
      stripped,
      // What many small flows move together is small for each: none is to wait for the slower way.
      spread: carrier.kept === "quiet" ? "best" : known.load.spread,
      best: this.#best.name,
    });
    // It has its turn soon, or what it connects is there soon.
    const isSoon = ({ way, forMs }: Lacking): boolean =>
      forMs < SETTLED_MS || now - this.#options.health.of(way).openedAt < SETTLED_MS;
    known.lookNow = known.paths.lacking.some(isSoon);
    return steps;
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

  #take({ carrier, known, info: { token = 0 } }: Look, step: PathStep): void {
    const { paths, log, carriers } = this.#options;
    try {
      switch (step.do) {
        case "join": {
          const { localAddress } = step.way;
          const remote = this.#remote(carrier, localAddress);
          if (remote === undefined) return;
          paths.join(token, { id: known.idOf(localAddress), localAddress, remote, backup: true });
          // The first is what every carrier costs anyway; with another one, that is over.
          if (known.connects(localAddress, carrier))
            this.#options.entries.spend(step.way.name, this.#options.clock.now());
          return;
        }
        case "leave": {
          const { address } = step.subflow.local;
          const id = known.release(address, carrier);
          if (id === undefined) {
            paths.end(token, step.subflow);
            return;
          }
          paths.leave(token, { ...step.subflow, id });
          // The kernel tells it as well, once, in a packet that may be lost.
          tellVerdict(carriers, carrier, { addressId: id, verdict: Verdict.DEAD });
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

/** One carrier, looked at. */
interface Look {
  readonly carrier: Carrier;
  readonly known: Known;
  readonly info: ConnectionInfo;
  readonly subflows: readonly Watched[];
}

/** What is kept for one carrier. */
class Known {
  readonly paths: CarrierPaths;
  readonly watch = new Watch();
  readonly load = new Load();
  mptcp = true;
  lookNow = true;
  /** Ids of local addresses. The one where the connection began has id 0 until it is left. */
  readonly #ids = new Map<string, number>();
  #leftFirst = false;
  /** Addresses that it has connected from, beside the one where it began. */
  readonly #connected = new Set<string>();
  /** Local addresses of which the other end has said so since the last look, and the ports of the subflows that were meant. */
  readonly #toCondemn = new Set<string>();
  readonly #condemned = new Set<number>();
  #lastId = 0;
  #bytes = 0;

  constructor(health: (way: Way) => WayHealth) {
    this.paths = new CarrierPaths(health);
  }

  /** With the bytes in both directions so far. */
  tick(bytes: number, tick: number): void {
    if (tick % (LOAD_TICK_MS / TICK_MS) === 0) this.load.tick(bytes);
    this.lookNow ||= this.watch.waiting || bytes !== this.#bytes || tick % IDLE_LOOK_TICKS === 0;
    this.#bytes = bytes;
  }

  /** The other end has ended those that are there from this address, and this end may hear of it or not. */
  condemn(address: string): void {
    this.#toCondemn.add(address);
  }

  /** What is to be thought of them, with what the other end knows. */
  judge(watched: readonly Watched[]): readonly Watched[] {
    for (const { subflow } of watched)
      if (this.#toCondemn.has(subflow.local.address)) this.#condemned.add(subflow.local.port);
    this.#toCondemn.clear();
    if (this.#condemned.size === 0) return watched;
    const there = new Set(watched.map(({ subflow }) => subflow.local.port));
    for (const port of this.#condemned) if (!there.has(port)) this.#condemned.delete(port);
    return watched.map((one) =>
      this.#condemned.has(one.subflow.local.port) ? { ...one, judgement: "dead" } : one,
    );
  }

  /** It connects from that address; true where it did so before. */
  connects(address: string, { local }: Carrier): boolean {
    const again = address === local.address || this.#connected.has(address);
    this.#connected.add(address);
    dropOldest(this.#connected, MAX_ADDRESS_ID);
    return again;
  }

  /** The address's name in the kernel's and the peer's eyes. */
  idOf(address: string): number {
    const known = this.#ids.get(address);
    if (known !== undefined) return known;
    // Of an address whose join never came to be: nobody has used it.
    dropOldest(this.#ids, MAX_ADDRESS_ID - 1);
    const taken = new Set(this.#ids.values());
    do this.#lastId = (this.#lastId % MAX_ADDRESS_ID) + 1;
    while (taken.has(this.#lastId));
    this.#ids.set(address, this.#lastId);
    return this.#lastId;
  }

  /** Whose name that is now. */
  addressOf(id: number, { local }: Carrier): string | undefined {
    if (id === 0) return this.#leftFirst ? undefined : local.address;
    return [...this.#ids].find(([, known]) => known === id)?.[0];
  }

  /**
   * That name, for the last time: the next join takes another, since the word that this one is gone may arrive after it.
   * Undefined where there is none (any more).
   */
  release(address: string, { local }: Carrier): number | undefined {
    const id = this.#ids.get(address);
    this.#ids.delete(address);
    if (id !== undefined) return id;
    if (address !== local.address || this.#leftFirst) return undefined;
    this.#leftFirst = true;
    return 0;
  }
}

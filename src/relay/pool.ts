import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Endpoint } from "../linux/sockets.ts";
import type { Welcome } from "../wire/hello.ts";
import type { NatEntries } from "../wan/natentries.ts";
import type { Way } from "../wan/subflows.ts";
import type { Carrier } from "./carrier.ts";
import type { PoolSize } from "./demand.ts";
import { Dialler, type DiallerOptions } from "./dialler.ts";
import { Race, type Runner, type Start } from "./race.ts";
import { Roster } from "./roster.ts";
import { ServerAddresses, type ServerEndpoint } from "./serveraddresses.ts";
import type { Session } from "./session.ts";
import { deafness, Silence, SILENCE_TICK_MS } from "./silence.ts";
import { isUnanswered } from "./track.ts";
import { Upkeep, UPKEEP_TICK_MS } from "./upkeep.ts";
import { WayBook, type WayGroup } from "./waybook.ts";

/** What to dial, and how many times. May change while the pool runs. */
export interface PoolTarget {
  /** Tried in turn. */
  readonly endpoints: readonly ServerEndpoint[];
  readonly ways: readonly Way[];
  readonly size: PoolSize;
}

export interface PoolOptions extends Omit<DiallerOptions, "session"> {
  readonly session: Session;
  /** Addresses of a name, all families. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Name of the way with the shortest round trip, where it is known. */
  readonly bestWay: () => string | undefined;
  /** Names of ways that carriers lack although they try to join. */
  readonly lackingWays: () => readonly string[];
  /** What else connects over the ways is noted here as well. */
  readonly entries?: NatEntries;
  readonly log: Log;
}

/** What a race is for: a carrier over the way that stands `alone`, or with Multipath TCP; begun on that way `only`. */
interface Errand {
  readonly alone: string | undefined;
  readonly only?: string;
}

/** Races under way for one group at a time: a pool is full soon, and the server is not stormed. */
const PARALLEL_RACES = 2;
/** What one way is given (ms) that is tried for its own sake. */
const SCOUT_MS = 5000;
/** Pause (ms) after a carrier was lost as soon as it was up: doubled each time, so that a sick server is not hammered. */
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;

/** Keeps carriers established and warm over all ways, and finds a new one at once where all are silent. */
export class CarrierPool {
  readonly #options: PoolOptions;
  readonly #dialler: Dialler;
  readonly #addresses: ServerAddresses;
  readonly #silence: Silence;
  readonly #book = new WayBook();
  readonly #roster: Roster;
  readonly #upkeep: Upkeep;
  readonly #races = new Map<Race, Errand>();
  /** What was complained about since a carrier came up: once is enough. */
  readonly #complaints = new Set<string>();
  #backoffMs = 0;
  #cancelPause: (() => void) | undefined;
  #cancels: readonly (() => void)[] = [];
  #stopped = false;
  /** The last failure, until a carrier is up. */
  lastError: Error | undefined;

  constructor(options: PoolOptions) {
    const { clock, resolve, session } = options;
    this.#options = options;
    this.#dialler = new Dialler({ ...options, session: session.id });
    this.#addresses = new ServerAddresses({ clock, resolve, onNews: () => this.retryNow() });
    this.#roster = new Roster(options.entries);
    this.#silence = new Silence(session.carriers);
    this.#upkeep = new Upkeep({ session, roster: this.#roster, book: this.#book, clock });
  }

  start(): void {
    const { clock } = this.#options;
    this.#cancels = [
      clock.every(SILENCE_TICK_MS, () => this.#watch()),
      clock.every(UPKEEP_TICK_MS, () => this.#keepUp()),
    ];
    this.fill();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelPause?.();
    for (const cancel of this.#cancels) cancel();
    for (const race of this.#races.keys()) race.stop();
  }

  /** New ways out, another server, another size: tried at once, whatever was waited for. */
  update({ endpoints, ways, size }: PoolTarget): void {
    this.#book.update(ways);
    this.#roster.retain(ways.map(({ name }) => name));
    this.#addresses.update(endpoints);
    this.#upkeep.resize(size);
    this.#leaveGone();
    this.retryNow();
  }

  /** There is hope that the server can be reached, over that way or over any: tried at once. */
  retryNow(way?: string): void {
    this.#backoffMs = 0;
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    for (const race of this.#races.keys()) race.hurry(way);
    this.fill();
  }

  /** Dials what is missing. To be called when a carrier is lost. */
  fill(): void {
    if (this.#roster.strikeClosed(this.#options.clock.now())) this.#mourn();
    if (this.#stopped || this.#cancelPause !== undefined || this.#book.ways.length === 0) return;
    if (this.#mustLast) {
      for (const race of this.#races.keys()) race.stop();
      return;
    }
    if (this.#isOut) {
      this.#find();
      return;
    }
    this.#stopIdleRaces();
    for (const group of this.#book.groups) this.#fillUp(group);
  }

  /** Where the server can be reached from that address, as far as it is known without asking anybody. */
  remoteFor(localAddress: string): Endpoint | undefined {
    return this.#addresses.reachableFrom(localAddress)[0];
  }

  /** Whether the carriers there are must do: whoever answers at the server now does not know this session. */
  get #mustLast(): boolean {
    const { peerLeaves, carriers } = this.#options.session;
    return peerLeaves && carriers.size > 0;
  }

  /** Whether there is no carrier of which anything is to be expected. */
  get #isOut(): boolean {
    return this.#roster.ready.every((carrier) => this.#silence.isDoubtful(carrier));
  }

  /** One race over all ways: the first carrier is what matters. */
  #find(): void {
    const [first, ...others] = this.#races.keys();
    for (const race of others) race.stop();
    if (first === undefined) this.#race({ alone: undefined });
  }

  #fillUp(group: WayGroup): void {
    const { alone } = group;
    const missing = this.#upkeep.wanted(group) - this.#roster.readyIn(alone).length;
    let racing = [...this.#races.values()].filter((errand) => errand.alone === alone).length;
    for (; racing < Math.min(missing, PARALLEL_RACES); racing++) {
      if (this.#upkeep.mayCost(group, racing)) this.#race({ alone });
    }
  }

  #race(errand: Errand): Race {
    const race = new Race({
      clock: this.#options.clock,
      runners: () => this.#runners(errand),
      attempt: (runner, start) => this.#attempt(runner, start),
      onFailure: (runner, error, start) => this.#onFailure(runner, error, start),
      onOvertaken: ({ way }, start, inVain) => this.#onVain(way, start, inVain),
    });
    this.#races.set(race, errand);
    void race.run().finally(() => {
      this.#races.delete(race);
      this.fill();
    });
    return race;
  }

  /** Who may run for that errand: all, while there is nothing to lose. */
  #runners({ alone, only }: Errand): readonly Runner[] {
    const group = this.#book.groups.find((one) => one.alone === alone);
    const ways = this.#isOut ? this.#book.ways : (group?.ways ?? []);
    const runners = this.#book.runners(
      this.#options.clock.now(),
      ways.filter(({ name }) => only === undefined || only === name),
      this.#options.bestWay(),
      (localAddress) => this.#addresses.reachableFrom(localAddress),
    );
    if (runners.length === 0) this.lastError = this.#addresses.failure ?? this.lastError ?? noAddress();
    return runners;
  }

  async #attempt(runner: Runner, start: Start): Promise<void> {
    const { way, remote } = runner;
    // Where the kernel is given no time to find out that Multipath TCP does not pass, it is known already.
    const isPlain = way.device !== undefined || (this.#book.isStripped(way.name) && !start.patient);
    const transport = isPlain ? "tcp" : "mptcp";
    await this.#dialler.dial(runner, transport, start, (carrier, welcome) => {
      start.onWon();
      if (transport === "mptcp") this.#book.learn(way.name, !carrier.plain);
      this.#adopt(carrier, way, welcome);
      const { number, plain } = carrier;
      this.#options.log.info(
        { carrier: number, way: way.name, remote: remote.address, plain },
        "carrier is up",
      );
    });
  }

  #adopt(carrier: Carrier, { name }: Way, { instance }: Welcome): void {
    const group = carrier.plain ? undefined : this.#book.groups.find(({ alone }) => alone === undefined);
    this.#roster.add(carrier, new Set([name, ...(group?.ways ?? []).map((way) => way.name)]));
    this.#book.answered(name);
    this.#complaints.clear();
    this.lastError = undefined;
    this.#options.session.addCarrier(carrier, instance);
    this.#giveUpLost();
  }

  /** An attempt came to nothing. */
  #onVain({ name }: Way, { again }: Start, unanswered: boolean): void {
    const now = this.#options.clock.now();
    if (!again) this.#roster.spend(name, now);
    if (unanswered) this.#book.unanswered(name, now);
  }

  #onFailure({ way, remote }: Runner, error: Error, start: Start): void {
    this.#onVain(way, start, isUnanswered(error));
    this.lastError = error;
    const code = error instanceof SennitError ? error.code : "failed";
    const fields = { way: way.name, remote: remote.address, code, why: messageOf(error) };
    const complaint = `${way.name} ${code}`;
    if (this.#complaints.has(complaint)) this.#options.log.debug(fields, "carrier not established");
    else this.#options.log.warn(fields, "carrier not established");
    this.#complaints.add(complaint);
  }

  #watch(): void {
    this.#silence.look(this.#options.clock.now());
    this.#giveUpLost();
    if (this.#isOut && this.#races.size === 0) this.fill();
  }

  #giveUpLost(): void {
    const now = this.#options.clock.now();
    for (const carrier of this.#silence.lost(now)) this.#giveUp(carrier, deafness(now, carrier));
  }

  #giveUp(carrier: Carrier, why: SennitError): void {
    // The way is to blame, not the server: no reason to pause.
    this.#roster.strike(carrier, this.#options.clock.now());
    carrier.close(why);
  }

  /** Plain carriers whose way is no more, or has another address, are of no use where there are others. */
  #leaveGone(): void {
    const isGone = ({ plain, way, local }: Carrier): boolean =>
      plain &&
      !this.#book.ways.some(({ name, localAddress }) => name === way && localAddress === local.address);
    const ready = this.#roster.ready;
    if (ready.every((carrier) => isGone(carrier) || this.#silence.isDoubtful(carrier))) return;
    for (const carrier of ready) {
      if (isGone(carrier)) this.#giveUp(carrier, new SennitError("network", "way-gone", "its WAN is gone"));
    }
  }

  /** Their ways are gone, or stand alone now, or no longer do. */
  #stopIdleRaces(): void {
    for (const [race, { alone }] of this.#races) {
      if (!this.#book.groups.some((group) => group.alone === alone)) race.stop();
    }
  }

  #mourn(): void {
    if (this.#stopped) return;
    this.lastError = new SennitError("network", "carrier-lost", "carriers are lost as soon as they are up");
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2));
    this.#cancelPause ??= this.#options.clock.after(this.#backoffMs, () => {
      this.#cancelPause = undefined;
      this.fill();
    });
  }

  #keepUp(): void {
    const now = this.#options.clock.now();
    if (this.#roster.isProven(now)) this.#backoffMs = 0;
    if (!this.#isOut && !this.#mustLast) {
      this.#upkeep.tick();
      for (const way of this.#upkeep.scouts(this.#options.lackingWays())) this.#scout(way);
    }
    this.fill();
  }

  /** Finds out whether Multipath TCP passes on a way that carriers lack, by beginning one there. */
  #scout(way: string): void {
    const race = this.#race({ alone: undefined, only: way });
    this.#options.clock.after(SCOUT_MS, () => race.stop());
  }
}

const noAddress = (): SennitError =>
  new SennitError("network", "no-address", "the server has no address that any WAN can reach");

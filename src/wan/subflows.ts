import type { Watched } from "./watch.ts";
import type { WayHealth } from "./wayhealth.ts";

/** A way out that subflows may take. */
export interface Way {
  readonly name: string;
  /** Source address; the policy routing of that WAN follows from it. */
  readonly localAddress: string;
  /** To be used only while no other WAN works. */
  readonly backup: boolean;
  /**
   * Set where another way has the same address. Nothing but the device tells the two apart, so no subflow of Multipath
   * TCP can go this way, only plain connections that are bound to it.
   */
  readonly device?: string | undefined;
}

/** What a carrier is for right now: quiet ones keep to the best way, bulk takes all there are. */
export type Spread = "best" | "all";

export interface PathsSight {
  readonly subflows: readonly Watched[];
  readonly ways: readonly Way[];
  /** Addresses from which a join leads nowhere, because something on the way takes MPTCP out. */
  readonly stripped: ReadonlySet<string>;
  readonly spread: Spread;
  /** Name of the best way, where it is known. */
  readonly best: string | undefined;
}

/**
 * What is to be done about a carrier's subflows. One joins as a backup; what else it is to be is said once it works.
 * `leave` ends all from that address at both ends, `end` ends one.
 */
export type PathStep =
  | { readonly do: "join"; readonly way: Way; readonly repairs: number }
  | { readonly do: "leave" | "end"; readonly subflow: Watched["subflow"] }
  | { readonly do: "set-backup"; readonly subflow: Watched["subflow"]; readonly backup: boolean };

/** A join is made by then, also over a satellite with a SYN lost (ms). */
export const SETTLED_MS = 3000;
/** Least pauses (ms) after the first try to join, the second, and so on: what three did not cure is not to be hurried. */
const PAUSES_MS = [3000, 3000, 5000, 10_000] as const;
/** Where others came through since, the pause is no longer than this (ms). */
const LEAST_PAUSE_MS = 1000;
/** One that was silent for so long (ms) before it was to carry, and that much after, is not heard by the other end. */
const STALE_MS = 5000;
const LEFT_OUT_MS = 1500;
/** Heard within this time (ms): in use. */
const HEARD_MS = 500;
/** What worked for less (ms) did not work, and the pauses go on growing. Several times what it takes to see that a way is closed. */
const CURED_MS = 10_000;

interface Told {
  readonly backup: boolean;
  readonly since: number;
}

interface Case {
  /** Whether there has been a working subflow. */
  worked: boolean;
  repairs: number;
  tries: number;
  triedAt: number;
  /** Since when the way has no working subflow; undefined while it has one. */
  lackingSince: number | undefined;
  wellSince: number;
}

/** How a way fares that has no working subflow. */
export interface Lacking {
  readonly way: Way;
  readonly forMs: number;
  /** Tries to mend it so far. */
  readonly repairs: number;
}

/**
 * Decides about the subflows of one carrier: one working subflow on every way that is alive, made anew where it was lost
 * (the kernel never does so by itself), and which of them are backups. The kernel's scheduler puts what is queued
 * behind an unacknowledged segment on any other subflow that is no backup, however slow; so a quiet carrier, whose
 * requests and answers are small, has its other ways as backups.
 */
export class CarrierPaths {
  readonly #health: (way: Way) => WayHealth;
  readonly #cases = new Map<string, Case>();
  /** Subflows that were made backups or not, by their local end. */
  #told = new Map<string, Told>();
  #lacking: readonly Lacking[] = [];

  constructor(health: (way: Way) => WayHealth) {
    this.#health = health;
  }

  /** Ways without a working subflow, as of the last decision. */
  get lacking(): readonly Lacking[] {
    return this.#lacking;
  }

  /** A step was refused, and is to be decided anew: one may be too early for a subflow that has just joined. */
  refused(step: PathStep): void {
    if (step.do === "set-backup") this.#told.delete(keyOf(step.subflow));
  }

  /** What to do now (ms), from what there is. Takes for granted that it is done, or told to be `refused`. */
  decide(now: number, sight: PathsSight): readonly PathStep[] {
    const { subflows, ways } = sight;
    this.#forget(sight);
    const gone = subflows.filter(({ subflow }) => subflow.established && !ways.some(isOf(subflow)));
    const working = new Map(
      ways.map(
        (way) =>
          [way, subflows.filter((one) => isFrom(way)(one) && this.#works(one, way, now, sight))] as const,
      ),
    );
    const anyWorks = [...working.values()].some((mine) => mine.length > 0);
    const upkeep = ways.flatMap((way) => {
      const mine = working.get(way) ?? [];
      if (mine.length > 0) return this.#keep(now, way, mine, subflows);
      if (!sight.stripped.has(way.localAddress)) return this.#renew(now, way, subflows, anyWorks);
      this.#cases.delete(way.localAddress);
      return [];
    });
    this.#lacking = ways.flatMap((way) => {
      const known = this.#cases.get(way.localAddress);
      if (known?.lackingSince === undefined) return [];
      return [{ way, forMs: now - known.lackingSince, repairs: known.repairs }];
    });
    const leaving = gone.map(({ subflow }): PathStep => ({ do: "leave", subflow }));
    return [...leaving, ...upkeep, ...this.#setBackups(now, working, this.#normal(sight, working))];
  }

  #caseOf({ localAddress }: Way, now: number): Case {
    const known = this.#cases.get(localAddress) ?? newCase(now);
    this.#cases.set(localAddress, known);
    return known;
  }

  #forget({ subflows, ways }: PathsSight): void {
    const there = new Set(subflows.map(({ subflow }) => keyOf(subflow)));
    this.#told = new Map([...this.#told].filter(([key]) => there.has(key)));
    for (const address of this.#cases.keys()) {
      if (!ways.some(({ localAddress }) => localAddress === address)) this.#cases.delete(address);
    }
  }

  /** The ways that are no backups: the best, or all where there is much to carry or the best is in doubt. */
  #normal(
    { ways, spread, best }: PathsSight,
    working: ReadonlyMap<Way, readonly Watched[]>,
  ): ReadonlySet<Way> {
    const usable = ways.filter((way) => working.get(way)?.length !== 0);
    const active = preferred(usable, ({ backup }) => !backup);
    const wanted = preferred(active, (way) => this.#health(way).state !== "suspect");
    const chosen = wanted.find(({ name }) => name === best);
    if (usable.length === 0) return new Set(ways);
    return new Set(spread === "all" || chosen === undefined ? wanted : [chosen]);
  }

  /** A way that works. Of several subflows there (joins that came late, what is left from before), one is enough. */
  #keep(now: number, way: Way, mine: readonly Watched[], subflows: readonly Watched[]): readonly PathStep[] {
    const known = this.#caseOf(way, now);
    if (known.lackingSince !== undefined) known.wellSince = now;
    known.lackingSince = undefined;
    known.worked = true;
    if (now - known.wellSince >= CURED_MS) known.tries = known.repairs = 0;
    const latest = mine.reduce((best, one) => (one.heardAt > best.heardAt ? one : best));
    return subflows
      .filter((one) => isFrom(way)(one) && one !== latest)
      .map(({ subflow }) => ({ do: "end", subflow }));
  }

  #renew(now: number, way: Way, subflows: readonly Watched[], anyWorks: boolean): readonly PathStep[] {
    const mine = subflows.filter(isFrom(way)).map(({ subflow }) => subflow);
    const old = mine.filter(({ established }) => established);
    const pending = mine.filter(({ established }) => !established);
    const known = this.#caseOf(way, now);
    known.lackingSince ??= now;
    // While nothing works there is nobody to tell the peer, and what is dead may be all that comes back.
    const leave = (anyWorks ? old : []).map((subflow): PathStep => ({ do: "leave", subflow }));
    const health = this.#health(way);
    if (pending.length === 0) health.joinFailed(known.triedAt);
    // What was tried while it was dead is no reason to wait now.
    if (health.openedAt > known.triedAt) known.tries = 0;
    if (now - known.triedAt < this.#pauseMs(known, health) || !health.mayJoin(now)) return leave;
    known.tries++;
    known.triedAt = now;
    // The first join of a new carrier, or over a new way, mends nothing.
    if (known.worked || now - known.lackingSince >= SETTLED_MS) known.repairs++;
    // One that is still connecting would come beside the next.
    const giveUp = pending.map((subflow): PathStep => ({ do: "end", subflow }));
    return [...giveUp, ...leave, { do: "join", way, repairs: known.repairs }];
  }

  #pauseMs({ tries, triedAt }: Case, { openedAt, tcp }: WayHealth): number {
    if (openedAt > triedAt) return 0;
    const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? 0;
    return tcp.state === "up" && tcp.heardAt > triedAt ? Math.min(pause, LEAST_PAUSE_MS) : pause;
  }

  /** Established, and neither dead itself nor gone with another that was. */
  #works(one: Watched, way: Way, now: number, sight: PathsSight): boolean {
    const { subflow, judgement, heardAt } = one;
    if (!subflow.established || judgement === "dead" || this.#health(way).tcp.gone(heardAt)) return false;
    return !this.#isLeftOut(one, now, sight);
  }

  /**
   * Much comes, but nothing here, where nothing has come for long: the word that this is no backup any more may have been
   * lost, where a NAT has forgotten it, and then neither end sends what the other could miss.
   */
  #isLeftOut({ subflow, heardAt }: Watched, now: number, { spread, subflows }: PathsSight): boolean {
    const told = this.#told.get(keyOf(subflow));
    if (spread !== "all" || told === undefined || told.backup || now - told.since < LEFT_OUT_MS) return false;
    return told.since - heardAt >= STALE_MS && subflows.some((other) => now - other.heardAt < HEARD_MS);
  }

  #setBackups(
    now: number,
    working: ReadonlyMap<Way, readonly Watched[]>,
    normal: ReadonlySet<Way>,
  ): readonly PathStep[] {
    const steps: PathStep[] = [];
    for (const [way, watched] of working) {
      const backup = !normal.has(way);
      for (const { subflow } of watched) {
        // Backups, too: kernels before 6.7 leave that out of a join, and one more word costs one packet.
        if (this.#told.get(keyOf(subflow))?.backup === backup) continue;
        this.#told.set(keyOf(subflow), { backup, since: now });
        steps.push({ do: "set-backup", subflow, backup });
      }
    }
    // Never all of them backups at a time.
    return steps.sort((a, b) => Number(isBackup(a)) - Number(isBackup(b)));
  }
}

const newCase = (now: number): Case => ({
  worked: false,
  repairs: 0,
  tries: 0,
  triedAt: now,
  lackingSince: undefined,
  wellSince: now,
});

/** Those that are as wanted; all where none is. */
function preferred(ways: readonly Way[], wanted: (way: Way) => boolean): readonly Way[] {
  const some = ways.filter(wanted);
  return some.length > 0 ? some : ways;
}

const isOf =
  ({ local }: Watched["subflow"]) =>
  ({ localAddress }: Way): boolean =>
    localAddress === local.address;
const isFrom =
  (way: Way) =>
  ({ subflow }: Watched): boolean =>
    isOf(subflow)(way);
const isBackup = (step: PathStep): boolean => step.do === "set-backup" && step.backup;
const keyOf = ({ local }: Watched["subflow"]): string => `${local.address} ${local.port}`;

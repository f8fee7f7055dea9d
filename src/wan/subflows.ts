import { isDeaf } from "./deaf.ts";
import type { SubflowSight } from "./sight.ts";
import type { WayNews } from "./waynews.ts";

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
  readonly subflows: readonly SubflowSight[];
  readonly ways: readonly Way[];
  /** Addresses from which a join leads nowhere, because something on the way takes MPTCP out. */
  readonly stripped: ReadonlySet<string>;
  readonly spread: Spread;
  /** Name of the best way, where it is known. */
  readonly best: string | undefined;
}

/**
 * What is to be done about a carrier's subflows. One joins as a backup; what else it is to be is said once it works.
 * `leave` ends all from that address and tells the peer, `end` ends one.
 */
export type PathStep =
  | { readonly do: "join"; readonly way: Way; readonly repairs: number }
  | { readonly do: "leave" | "end"; readonly subflow: SubflowSight }
  | { readonly do: "set-backup"; readonly subflow: SubflowSight; readonly backup: boolean };

/** A join is made by then, also over a satellite with a SYN lost (ms). */
export const SETTLED_MS = 3000;
/** Least pauses (ms) after the first try to join, the second, and so on: what three did not cure is not to be hurried. */
const PAUSES_MS = [3000, 3000, 5000, 10_000] as const;
/** The least pause (ms), whatever others found out. */
const LEAST_PAUSE_MS = 1000;
/** What worked for less (ms) did not work, and the pauses go on growing. Several times what it takes to see that a way is closed. */
const CURED_MS = 10_000;

/** Heard within this time (ms): in use. */
const HEARD_MS = 500;

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
 * Decides about the subflows of one carrier: one working subflow on every way, made anew where it was lost (the kernel
 * never does so by itself, and one whose NAT mapping was lost stays established and deaf), and which of them are
 * backups. The kernel's scheduler puts what is queued behind an unacknowledged segment on any other subflow that is no
 * backup, however slow; so a quiet carrier, whose requests and answers are small, has its other ways as backups.
 */
export class CarrierPaths {
  readonly #news: WayNews;
  readonly #cases = new Map<string, Case>();
  /** Subflows that were made backups or not, by their local end. */
  #told = new Map<string, Told>();
  #lacking: readonly Lacking[] = [];

  constructor(news: WayNews) {
    this.#news = news;
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
    const gone = subflows.filter(({ local, established }) => established && !ways.some(from(local.address)));
    const working = new Map(
      ways.map((way) => {
        const works = (one: SubflowSight): boolean => isFrom(way)(one) && this.#works(one, now, sight);
        return [way, subflows.filter(works)] as const;
      }),
    );
    const anyWorks = [...working.values()].some((mine) => mine.length > 0);
    const normal = this.#normal(sight, working);
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
    const leaving = gone.map((subflow): PathStep => ({ do: "leave", subflow }));
    return [...leaving, ...upkeep, ...this.#setBackups(now, working, normal)];
  }

  #caseOf({ localAddress }: Way, now: number): Case {
    const known = this.#cases.get(localAddress) ?? newCase(now);
    this.#cases.set(localAddress, known);
    return known;
  }

  #forget({ subflows, ways }: PathsSight): void {
    const there = new Set(subflows.map(keyOf));
    this.#told = new Map([...this.#told].filter(([key]) => there.has(key)));
    for (const address of this.#cases.keys()) {
      if (!ways.some(from(address))) this.#cases.delete(address);
    }
  }

  /** The ways that are no backups: the best, or all where there is much to carry or the best hesitates. */
  #normal(
    { ways, spread, best }: PathsSight,
    working: ReadonlyMap<Way, readonly SubflowSight[]>,
  ): ReadonlySet<Way> {
    const usable = ways.filter((way) => working.get(way)?.length !== 0);
    const active = usable.filter(({ backup }) => !backup);
    const wanted = active.length > 0 ? active : usable.length > 0 ? usable : ways;
    const chosen = wanted.find(({ name }) => name === best);
    const hesitates = chosen && working.get(chosen)?.every(({ unansweredMs }) => unansweredMs > 0) === true;
    return new Set(spread === "all" || chosen === undefined || hesitates ? wanted : [chosen]);
  }

  /** A way that works: what else there is from its address is the deaf remainder of what was there before. */
  #keep(
    now: number,
    way: Way,
    mine: readonly SubflowSight[],
    subflows: readonly SubflowSight[],
  ): readonly PathStep[] {
    const known = this.#caseOf(way, now);
    if (known.lackingSince !== undefined) {
      known.wellSince = now;
      this.#news.joined(way.localAddress, now);
    }
    known.lackingSince = undefined;
    known.worked = true;
    if (now - known.wellSince >= CURED_MS) known.tries = known.repairs = 0;
    return subflows
      .filter((one) => one.established && isFrom(way)(one) && !mine.includes(one))
      .map((subflow) => ({ do: "end", subflow }));
  }

  #renew(now: number, way: Way, subflows: readonly SubflowSight[], anyWorks: boolean): readonly PathStep[] {
    const mine = subflows.filter(isFrom(way));
    const known = this.#caseOf(way, now);
    const waited = Math.max(0, ...mine.map(({ unansweredMs }) => unansweredMs));
    known.lackingSince ??= now - waited;
    if (now - known.triedAt < this.#pause(way, known)) return [];
    // What is deaf may only be slow: it is given as long as a join would take.
    const old = mine.find(({ established }) => established);
    if (old !== undefined && isDeaf(old) && now - known.lackingSince < SETTLED_MS) return [];
    if (old !== undefined && !this.#news.forgotten(way.localAddress, now - old.silentMs)) {
      this.#news.deaf(way.localAddress, now - old.silentMs);
    }
    known.tries++;
    known.triedAt = now;
    // The first join of a new carrier, or over a new way, mends nothing.
    if (known.worked || now - known.lackingSince >= SETTLED_MS) known.repairs++;
    // While nothing works there is nobody to tell the peer, and what is deaf may be all that comes back.
    const leave: readonly PathStep[] = old !== undefined && anyWorks ? [{ do: "leave", subflow: old }] : [];
    // One that is still connecting would come beside the next.
    const pending = mine.filter(({ established }) => !established);
    const giveUp = pending.map((subflow): PathStep => ({ do: "end", subflow }));
    return [...giveUp, ...leave, { do: "join", way, repairs: known.repairs }];
  }

  #pause({ localAddress }: Way, { tries, triedAt }: Case): number {
    const pause = PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? 0;
    return this.#news.joinedSince(localAddress, triedAt) ? Math.min(pause, LEAST_PAUSE_MS) : pause;
  }

  /** Established, and heard within the time in which a segment can be answered, and no NAT has forgotten it. */
  #works(subflow: SubflowSight, now: number, sight: PathsSight): boolean {
    const { established, local, silentMs } = subflow;
    if (!established || isDeaf(subflow) || this.#news.forgotten(local.address, now - silentMs)) return false;
    return !this.#isLeftOut(subflow, now, sight);
  }

  /**
   * Much is received, and for seconds nothing of it here: what the other end sends this way may be lost, which only it
   * can see. A new subflow in its place costs little where that is not so.
   */
  #isLeftOut(subflow: SubflowSight, now: number, { spread, subflows }: PathsSight): boolean {
    const told = this.#told.get(keyOf(subflow));
    if (spread !== "all" || told === undefined || told.backup || now - told.since < SETTLED_MS) return false;
    const hears = (one: SubflowSight): boolean => one.established && one.silentMs < HEARD_MS;
    return subflow.silentMs >= SETTLED_MS && subflows.some(hears);
  }

  #setBackups(
    now: number,
    working: ReadonlyMap<Way, readonly SubflowSight[]>,
    normal: ReadonlySet<Way>,
  ): readonly PathStep[] {
    const steps: PathStep[] = [];
    for (const [way, subflows] of working) {
      const backup = !normal.has(way);
      for (const subflow of subflows) {
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

const from =
  (address: string) =>
  ({ localAddress }: Way): boolean =>
    localAddress === address;
const isFrom =
  ({ localAddress }: Way) =>
  ({ local }: SubflowSight): boolean =>
    local.address === localAddress;
const isBackup = (step: PathStep): boolean => step.do === "set-backup" && step.backup;
const keyOf = ({ local }: SubflowSight): string => `${local.address} ${local.port}`;

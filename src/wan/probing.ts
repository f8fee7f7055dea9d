import { dropOldest } from "../base/oldest.ts";
import { PathHealth } from "./health.ts";
import { perMille } from "./lossmeter.ts";
import { RoundTrip } from "./roundtrip.ts";
import { judge, patienceMs } from "./verdict.ts";

/** How hard a path is asked. */
export type Urgency = "idle" | "suspect" | "dead";

/** Rare where all is quiet: 12 MB a month, and still below the 30 s after which the meanest NATs forget (ms). */
const IDLE_MS = 20_000;
/** Each tick of the caller while in doubt (ms), so that some round trips later it is over. */
const DOUBT_MS = 50;
/**
 * A loss was seen within so long (ms): asked so many times at each tick (DOUBT_MS), so that a share of two thirds is
 * known to +-4 % within three seconds. What that may cost on end: so many probes at a time, and so many more each second,
 * 90 bytes each.
 */
const SURVEY_MS = 4000;
const SURVEY_AT_ONCE = 3;
const SURVEY_PROBES = 240;
const SURVEY_PER_S = 1;
/** A line that is known to lose some is asked more often than others (ms), to follow what it loses and to see it die. */
const LOSSY_MS = 500;
const LOSSY_PER_MILLE = 20;
/** Where probes are answered though connections are in doubt or dead, they are asked as hard as can be for so long (ms). */
const DISPUTED_MS = 10_000;
/** Since when it is dead (ms), and how often it is asked then (ms): a return is seen at once, and months cost little. */
const DEAD_MS = [
  [0, 150],
  [180_000, 1000],
  [900_000, 5000],
] as const;
/** Where no probe was ever answered (UDP may be blocked), tries at first, and how often later (ms). */
const UNPROVEN_TRIES = 3;
const UNPROVEN_FIRST_MS = 1000;
const UNPROVEN_MS = 60_000;
/** Probes whose answers may still come. */
const MAX_OUTSTANDING = 128;

/** Decides when a path is probed, and what the answers mean. Pure: times are inputs (ms), numbers are outputs. */
export class Probing {
  readonly health = new PathHealth();
  readonly line = new RoundTrip();
  /** When each was sent, oldest first. */
  readonly #outstanding = new Map<number, number>();
  #sentAt = -Infinity;
  /** How many of them at that time. */
  #atOnce = 0;
  #sent = 0;
  /** Of those sent since the last answer: when the first was, and how many. */
  #waitingSince: number | undefined;
  #trials = 0;
  #lossAt = -Infinity;
  /** Probes that may yet be spent on a survey, as of when the last one was sent. */
  #credit = SURVEY_PROBES;

  /** Whether any was ever answered: else their silence says nothing. */
  get proven(): boolean {
    return this.health.heardAt > -Infinity;
  }

  /** Probes sent since the last answer. */
  get trials(): number {
    return this.#trials;
  }

  /** The number of the probe to send now, if one is due: to be asked until none is. `since`: since when there is that urgency. */
  due(now: number, urgency: Urgency, since: number): number | undefined {
    if (this.proven) this.#judge(now);
    const more = now === this.#sentAt && this.#atOnce < SURVEY_AT_ONCE && this.#surveys(now);
    if (!more && now - this.#sentAt < this.#pauseMs(now, urgency, since)) return undefined;
    this.#atOnce = more ? this.#atOnce + 1 : 1;
    const number = ++this.#sent;
    const regained = this.#sentAt === -Infinity ? 0 : ((now - this.#sentAt) * SURVEY_PER_S) / 1000;
    this.#credit = Math.min(SURVEY_PROBES, this.#credit + regained);
    if (this.#surveys(now)) this.#credit--;
    this.#sentAt = now;
    this.#waitingSince ??= now;
    this.#trials++;
    this.#outstanding.set(number, now);
    dropOldest(this.#outstanding, MAX_OUTSTANDING);
    return number;
  }

  /** An authentic answer. False for one that was not waited for (any more). */
  answered(now: number, number: number): boolean {
    const sentAt = this.#outstanding.get(number);
    if (sentAt === undefined) return false;
    const worked = this.health.state !== "dead";
    this.health.heard(now);
    this.line.answered(now, now - sentAt);
    this.#outstanding.delete(number);
    for (const [earlier, at] of this.#outstanding) {
      // Those that were sent together may come in any order.
      if (at >= sentAt) break;
      this.#outstanding.delete(earlier);
      if (!worked) continue;
      this.line.lost(now);
      this.#lossAt = now;
    }
    this.#waitingSince = undefined;
    this.#trials = 0;
    return true;
  }

  #judge(now: number): void {
    if (this.#waitingSince === undefined) return;
    const judgement = judge({ forMs: now - this.#waitingSince, trials: this.#trials }, this.line);
    if (judgement !== "well") this.health.suspected(now);
    if (judgement === "dead") this.health.lost(now, patienceMs(this.line));
  }

  #pauseMs(now: number, urgency: Urgency, since: number): number {
    if (!this.proven) {
      const trying = this.#sent < UNPROVEN_TRIES || urgency === "dead";
      return trying ? UNPROVEN_FIRST_MS : UNPROVEN_MS;
    }
    const { state } = this.health;
    const disputed = state !== "dead" && urgency !== "idle" && now - since < DISPUTED_MS;
    if (disputed || state === "suspect") return DOUBT_MS;
    if (state === "dead" || urgency === "dead") {
      const forMs = now - Math.max(since, this.#waitingSince ?? -Infinity);
      return DEAD_MS.findLast(([from]) => forMs >= from)?.[1] ?? DOUBT_MS;
    }
    if (this.#surveys(now)) return DOUBT_MS;
    return perMille(this.line.counted) >= LOSSY_PER_MILLE ? LOSSY_MS : IDLE_MS;
  }

  #surveys(now: number): boolean {
    return now - this.#lossAt < SURVEY_MS && this.#credit >= 1;
  }
}

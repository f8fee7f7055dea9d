import { WINDOW, WorthTrial } from "./worthtrial.ts";

/** What is seen of all WANs together in one second. */
export interface WorthSight {
  /** What connections carry over all WANs together, in both directions (bit/s). */
  readonly total: number;
  /** Whether somebody moves much: else the total says what is wanted, not what can be had. */
  readonly loaded: boolean;
  /** The active WANs that could carry now, paused ones included. */
  readonly wans: readonly {
    readonly name: string;
    /** What its device moves (bit/s, both directions). */
    readonly rate: number;
    /** Of connections over it, with its queues. */
    readonly rttMs: number | undefined;
    /** It loses much, or takes long. */
    readonly degraded: boolean;
  }[];
}

/**
 * A WAN is suspected of costing more than it brings when it is degraded, or takes so many times the best one's round trip,
 * while it carries no more than this share: with a good one nobody experiments, and a trial takes little away.
 */
const SLOWER_TIMES = 3;
const SMALL_SHARE = 0.3;
/** Suspected under load for so long (ms), it is tried out. */
const SUSPECT_MS = 30_000;
/** After a trial without a result the next, where a load ended or a WAN came or went (ms). */
const AGAIN_MS = 120_000;
/** After one that found no cost, and after the first that found one; twice as long each time the same is found again (ms). */
const ACQUITTED_MS = 1_800_000;
const PAUSED_MS = 600_000;
const LONGEST_MS = 14_400_000;

interface Record {
  /** What it costs (bit/s), while it is paused. */
  cost: number | undefined;
  suspectSince: number | undefined;
  /** No trial before. */
  restsUntil: number;
  /** How long it rests after the same verdict again. */
  readonly rests: { acquitted: number; paused: number };
}

/**
 * Finds the WANs that lower what all carry together, by leaving out for some seconds those that are suspected of it, under
 * load; the same way round it finds those that do no longer. One at a time, rarely, and only where the company of WANs
 * stays the same. Pure: times are inputs (ms).
 */
export class Worth {
  readonly #records = new Map<string, Record>();
  #company = "";
  #totals: number[] = [];
  #trial: WorthTrial | undefined;

  /** What it costs the others to use it (bit/s); undefined where it is not known to. */
  costOf(wan: string): number | undefined {
    return this.#records.get(wan)?.cost;
  }

  /** Whether it is to be left out now: paused, or on trial. */
  leavesOut(wan: string): boolean {
    return this.#trial?.wan === wan ? !this.#trial.uses : this.costOf(wan) !== undefined;
  }

  /** Takes what is seen in another second. */
  look(now: number, sight: WorthSight): void {
    this.#keepCompany(now, sight);
    if (!sight.loaded || sight.wans.length < 2) {
      this.#rest(now);
      for (const record of this.#records.values()) record.suspectSince = undefined;
      return;
    }
    this.#suspect(now, sight);
    this.#totals = [...this.#totals, sight.total].slice(-WINDOW);
    if (this.#trial === undefined) this.#begin(now);
    else if (this.#trial.take(sight.total)) this.#conclude(now, this.#trial);
  }

  /** What a WAN costs depends on which others there are. */
  #keepCompany(now: number, { wans }: WorthSight): void {
    const company = wans.map(({ name }) => name).join(" ");
    if (company === this.#company) return;
    this.#company = company;
    this.#rest(now);
    for (const [name, record] of this.#records) {
      record.cost = record.suspectSince = undefined;
      if (!wans.some((wan) => wan.name === name) && now >= record.restsUntil) this.#records.delete(name);
    }
  }

  #rest(now: number): void {
    this.#totals = [];
    if (this.#trial !== undefined) this.#of(this.#trial.wan).restsUntil = now + AGAIN_MS;
    this.#trial = undefined;
  }

  #suspect(now: number, { wans }: WorthSight): void {
    const sum = wans.reduce((total, { rate }) => total + rate, 0);
    const best = Math.min(...wans.flatMap(({ rttMs }) => rttMs ?? []));
    for (const { name, rate, rttMs, degraded } of wans) {
      const slow = rttMs !== undefined && rttMs >= best * SLOWER_TIMES;
      const suspected = (degraded || slow) && rate <= sum * SMALL_SHARE;
      const record = this.#of(name);
      record.suspectSince = suspected ? (record.suspectSince ?? now) : undefined;
    }
  }

  #begin(now: number): void {
    if (this.#totals.length < WINDOW) return;
    for (const [name, { cost, suspectSince, restsUntil }] of this.#records) {
      const isDue = cost !== undefined || now - (suspectSince ?? now) >= SUSPECT_MS;
      if (!isDue || now < restsUntil) continue;
      this.#trial = new WorthTrial(name, cost === undefined, this.#totals);
      return;
    }
  }

  #conclude(now: number, { wan, cost, suspicious }: WorthTrial): void {
    const record = this.#of(wan);
    const { rests } = record;
    if (cost === undefined && suspicious && record.cost === undefined) return this.#rest(now);
    const verdict = cost === undefined ? "acquitted" : "paused";
    record.cost = cost;
    record.suspectSince = undefined;
    record.restsUntil = now + rests[verdict];
    rests[verdict] = Math.min(LONGEST_MS, rests[verdict] * 2);
    if (cost === undefined) rests.paused = PAUSED_MS;
    else rests.acquitted = ACQUITTED_MS;
    this.#trial = undefined;
    this.#totals = [];
  }

  #of(wan: string): Record {
    const record = this.#records.get(wan) ?? {
      cost: undefined,
      suspectSince: undefined,
      restsUntil: 0,
      rests: { acquitted: ACQUITTED_MS, paused: PAUSED_MS },
    };
    this.#records.set(wan, record);
    return record;
  }
}

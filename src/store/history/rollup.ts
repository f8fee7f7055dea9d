import type { DatabaseSync, StatementSync } from "node:sqlite";
import { STEPS, type Step } from "./sample.ts";

/**
 * Finer lines of one WAN as one coarse line each. What is an average weighs by the seconds behind it; unknown values
 * weigh nothing.
 */
const ROLL_UP = `
  INSERT OR REPLACE INTO sample
  SELECT :coarse, wan, at / :coarse * :coarse,
    sum(seconds), sum(bytes_down), sum(bytes_up), max(peak_down), max(peak_up),
    sum(rtt_us * seconds) / sum(iif(rtt_us IS NULL, NULL, seconds)), max(rtt_max_us),
    sum(jitter_us * seconds) / sum(iif(jitter_us IS NULL, NULL, seconds)),
    CAST(round(total(loss * seconds) / sum(iif(loss IS NULL, NULL, seconds))) AS INTEGER),
    CAST(round(total(carrying * seconds) / sum(seconds)) AS INTEGER)
  FROM sample
  WHERE step = :fine AND wan = :wan AND at >= :from AND at < :to
  GROUP BY at / :coarse`;
const LAST = "SELECT max(at) AS at FROM sample WHERE step = ? AND wan = ? AND at < ?";

/** Makes minutes of seconds and hours of minutes. What it did before is in the tables, so a kill costs nothing. */
export class RollUp {
  readonly #rollUp: StatementSync;
  readonly #last: StatementSync;

  constructor(database: DatabaseSync) {
    this.#rollUp = database.prepare(ROLL_UP);
    this.#last = database.prepare(LAST);
  }

  /** All of a WAN's coarse lines that are complete at `now` (s since 1970) and not there yet. */
  run(wan: number, now: number): void {
    for (const [index, coarse] of STEPS.entries()) {
      const fine = STEPS[index - 1];
      if (fine !== undefined) this.#complete(wan, fine, coarse, now);
    }
  }

  #complete(wan: number, fine: Step, coarse: Step, now: number): void {
    const to = Math.floor(now / coarse) * coarse;
    const last = Number(this.#last.get(coarse, wan, to)?.at ?? -coarse);
    const from = last + coarse;
    // A bigint is bound as an integer, a number as a floating-point value: with that, a division would have a fraction.
    if (from < to) this.#rollUp.run({ coarse: BigInt(coarse), fine, wan, from, to });
  }
}

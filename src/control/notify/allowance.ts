import type { RouterEvent, Severity } from "../events.ts";

/** Codes that a summary names, the most frequent first. */
const NAMED = 5;
/** Different codes that are counted apart: they are constants of the program. */
const MAX_CODES = 256;

/**
 * How many events may be told in one period, which begins with the first of them. What is beyond is counted, and told in one
 * sentence at its end. A function of events and time: it starts no timers.
 */
export class Allowance {
  readonly #most: number;
  readonly #periodMs: number;
  #began: number | undefined;
  #told = 0;
  #held = 0;
  readonly #codes = new Map<string, number>();
  #worst: Severity = "info";

  constructor(most: number, periodMs: number) {
    this.#most = most;
    this.#periodMs = periodMs;
  }

  /** Whether an event may be told at `now` (ms); if not, it is counted. To be called after `summary`. */
  admits({ code, severity }: RouterEvent, now: number): boolean {
    this.#began ??= now;
    if (this.#told < this.#most) {
      this.#told++;
      return true;
    }
    this.#held++;
    if (this.#codes.has(code) || this.#codes.size < MAX_CODES)
      this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    if (severity === "critical" || this.#worst === "info") this.#worst = severity;
    return false;
  }

  /** When the period ends (ms); undefined while there is none. */
  get endsAt(): number | undefined {
    return this.#began === undefined ? undefined : this.#began + this.#periodMs;
  }

  /** Ends a period that is over at `now`; what is to be told of it, where something was held back. `at` is ms since 1970. */
  summary(now: number, at: number): RouterEvent | undefined {
    if (this.endsAt === undefined || now < this.endsAt) return undefined;
    const [more, severity] = [this.#held, this.#worst];
    const codes = [...this.#codes].toSorted(([, a], [, b]) => b - a).slice(0, NAMED);
    this.#began = undefined;
    [this.#told, this.#held, this.#worst] = [0, 0, "info"];
    this.#codes.clear();
    if (more === 0) return undefined;
    const named = codes.map(([code, count]) => `${count} ${code}`).join(", ");
    const text = `${more} more events in ${periodText(this.#periodMs)}: ${named}`;
    return {
      at,
      code: "events-held-back",
      severity,
      wan: null,
      text,
      fields: { more, ...Object.fromEntries(codes) },
    };
  }
}

const periodText = (ms: number): string =>
  ms % 60_000 === 0 ? `${ms / 60_000} minutes` : `${Math.round(ms / 1000)} seconds`;

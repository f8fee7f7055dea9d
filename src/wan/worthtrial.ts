/** Samples of each window, and those before it that still show what was before: a second each. */
export const WINDOW = 8;
const SETTLING = 3;
/**
 * Windows with and without it in turn, the first and the last as it was before. So whatever else changes meanwhile, users
 * that come and go, is seen as such: by chance alone, five are all above the other four once in 126 times.
 */
const WINDOWS = 9;
/** A WAN costs something if the total is so much larger without it: less is not worth a decision, or not to be told from chance. */
const LEAST_SHARE = 0.1;
const LEAST_RATE = 1e6;

/** Compares what all WANs carry together with and without one of them. Pure. */
export class WorthTrial {
  readonly wan: string;
  /** Whether it was in use before. */
  readonly #used: boolean;
  readonly #windows: number[][];
  #settling = SETTLING;

  /** `before`: the totals (bit/s) of the last seconds. */
  constructor(wan: string, used: boolean, before: readonly number[]) {
    this.wan = wan;
    this.#used = used;
    this.#windows = [[...before], []];
  }

  /** Whether the WAN is to be used now. */
  get uses(): boolean {
    return this.#usedIn(this.#windows.length - 1);
  }

  /** Takes the total of another second (bit/s). Whether that was the last, which it is as soon as it is known that it costs nothing. */
  take(total: number): boolean {
    if (this.#settling > 0) {
      this.#settling--;
      return false;
    }
    const window = this.#windows.at(-1) ?? [];
    window.push(total);
    if (window.length < WINDOW) return false;
    if (this.#windows.length === WINDOWS || this.cost === undefined) return true;
    this.#windows.push([]);
    this.#settling = SETTLING;
    return false;
  }

  /** Whether the first comparison has said that it costs something: what says otherwise later leaves it open. */
  get suspicious(): boolean {
    return this.#windows.length > 2;
  }

  /** What it costs to use it (bit/s), by the windows that are full; undefined where it costs nothing that is beyond doubt. */
  get cost(): number | undefined {
    const [used, unused] = [this.#full(true), this.#full(false)];
    // Three quarters of every window without it above three quarters of every window with it.
    const floor = Math.min(...unused.map((window) => quantile(window, 0.25)));
    const ceiling = Math.max(...used.map((window) => quantile(window, 0.75)));
    const rest = Math.min(...unused.map((window) => quantile(window, 0.5)));
    const cost = rest - Math.max(...used.map((window) => quantile(window, 0.5)));
    const isLarge = cost >= Math.max(LEAST_RATE, rest * LEAST_SHARE);
    return floor > ceiling && isLarge ? cost : undefined;
  }

  #full(use: boolean): readonly (readonly number[])[] {
    return this.#windows.filter((window, index) => window.length === WINDOW && this.#usedIn(index) === use);
  }

  #usedIn(index: number): boolean {
    return index % 2 === 0 ? this.#used : !this.#used;
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}

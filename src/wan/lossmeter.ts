/** How much of a line is lost, and of how many probes that is told. */
export interface Loss {
  /** Probes of which it is known what became of them, and how many of those were lost. */
  readonly probes: number;
  readonly lost: number;
}

/** Probes that are remembered: a share of two thirds is then known to +-3 % (one standard deviation). */
const MAX_PROBES = 256;
/** And for so long (ms): what a line lost before is history. */
const REMEMBERED_MS = 120_000;

/** Standard deviations between what was lost before and since that are a change of the line, and no chance. */
const CHANGED = 3;
/** Fewer, on either side, tell of no change: two that are lost of five are chance where 1 % is. */
const LEAST_SIDE = 12;

/**
 * Counts what became of probes over a line since it last changed, the latest of them only. Times are ms of one clock.
 * A window that adapts (Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", 2007): what was
 * counted before a change would hide for minutes what is lost now.
 */
export class LossMeter {
  readonly #fates: { readonly at: number; readonly lost: boolean }[] = [];
  #lost = 0;

  note(at: number, lost: boolean): void {
    this.#fates.push({ at, lost });
    if (lost) this.#lost++;
    const recent = this.#fates.findIndex((fate) => at - fate.at < REMEMBERED_MS);
    this.#forget(Math.max(recent, this.#fates.length - MAX_PROBES));
    this.#forget(this.#changedAt());
  }

  get loss(): Loss {
    return { probes: this.#fates.length, lost: this.#lost };
  }

  /** How many were counted before the line became another: there where the two sides differ most. */
  #changedAt(): number {
    const { probes, lost } = this.loss;
    let before = 0;
    let [changedAt, widest] = [0, 0];
    for (let at = 1; at <= probes - LEAST_SIDE; at++) {
      if (this.#fates[at - 1]?.lost === true) before++;
      if (at < LEAST_SIDE) continue;
      const old = wilson({ probes: at, lost: before }, CHANGED);
      const late = wilson({ probes: probes - at, lost: lost - before }, CHANGED);
      const gap = Math.max(late.least - old.most, old.least - late.most);
      if (gap > widest) [changedAt, widest] = [at, gap];
    }
    return changedAt;
  }

  #forget(count: number): void {
    for (const fate of this.#fates.splice(0, count)) if (fate.lost) this.#lost--;
  }
}

/** Between which shares the true one is, to so many standard deviations (Wilson's score interval, 1927). */
function wilson(
  { probes, lost }: Loss,
  deviations: number,
): { readonly least: number; readonly most: number } {
  const share = lost / probes;
  const square = deviations ** 2 / probes;
  const middle = (share + square / 2) / (1 + square);
  const reach =
    (deviations * Math.sqrt((share * (1 - share)) / probes + square / (4 * probes))) / (1 + square);
  return { least: middle - reach, most: middle + reach };
}

/** In whole per mille, from counts; 0 where nothing was counted. */
export const perMille = ({ probes, lost }: Loss): number =>
  probes === 0 ? 0 : Math.round((1000 * lost) / probes);

/** Fewer probes tell little: one that is lost of the first two is no loss of a half. */
const LEAST_PROBES = 32;
/** Standard deviations that the share may differ from what was counted. */
const DOUBT = 2;

/** The share that a line may lose at most, going by what was counted: a run of losses is to be judged by that. */
export function mostLoss({ probes, lost }: Loss): number {
  const of = Math.max(LEAST_PROBES, probes);
  const share = lost / of;
  return share + DOUBT * Math.sqrt((share * (1 - share)) / of);
}

/** The per mille that a line loses at least, going by what was counted. */
export function leastLoss({ probes, lost }: Loss): number {
  if (probes === 0) return 0;
  const share = lost / probes;
  return 1000 * (share - DOUBT * Math.sqrt((share * (1 - share)) / probes));
}

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

/** Counts what became of probes over a line, the latest of them only. Times are ms of one clock. */
export class LossMeter {
  readonly #fates: { readonly at: number; readonly lost: boolean }[] = [];
  #lost = 0;

  note(at: number, lost: boolean): void {
    this.#fates.push({ at, lost });
    if (lost) this.#lost++;
    for (;;) {
      const [oldest] = this.#fates;
      if (oldest === undefined) return;
      if (this.#fates.length <= MAX_PROBES && at - oldest.at < REMEMBERED_MS) return;
      this.#fates.shift();
      if (oldest.lost) this.#lost--;
    }
  }

  get loss(): Loss {
    return { probes: this.#fates.length, lost: this.#lost };
  }
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

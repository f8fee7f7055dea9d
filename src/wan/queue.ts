/** What one subflow tells of its path. */
export interface QueueSight {
  /** The same for all subflows over one path. */
  readonly path: string;
  /** Smoothed, and the shortest there was (ms). */
  readonly rttMs: number;
  readonly minRttMs: number;
}

/** Paths of one peer that are remembered; who has more is none of ours. */
const MAX_PATHS = 64;

/** How long what we send waits on the way: measured on the path with the shortest round trip, which the quiet take. */
export class Queue {
  readonly #shortest = new Map<string, number>();
  /** The shortest round trip of the best path, without queues (ms); 0 while unknown. */
  rttMs = 0;
  /** What waits there now (ms). */
  waitMs = 0;

  look(sights: readonly QueueSight[]): void {
    for (const { path, minRttMs } of sights) {
      const known = this.#shortest.get(path) ?? Infinity;
      if (minRttMs >= known || (known === Infinity && this.#shortest.size >= MAX_PATHS)) continue;
      this.#shortest.set(path, minRttMs);
    }
    const [best] = sights
      .map(({ path }) => ({ path, rttMs: this.#shortest.get(path) ?? 0 }))
      .sort((a, b) => a.rttMs - b.rttMs);
    if (best === undefined) return;
    const rtts = sights.filter(({ path }) => path === best.path).map(({ rttMs }) => rttMs);
    rtts.sort((a, b) => a - b);
    this.rttMs = best.rttMs;
    this.waitMs = (rtts[rtts.length >> 1] ?? best.rttMs) - best.rttMs;
  }
}

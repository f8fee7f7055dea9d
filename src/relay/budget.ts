/** The largest window of one flow: 400 Mbit/s over a round trip (with the queues on the way) of 160 ms. */
const WINDOW_MAX = 8 * 1024 * 1024;
/** The smallest: what an opener may always send. */
const WINDOW_MIN = 64 * 1024;

/** Divides the memory for bytes under way among the flows there are, so that thousands of them stay bounded. */
export class WindowBudget {
  readonly #totalBytes: number;
  flows = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** The window, in bytes, that a flow may have now. */
  window(): number {
    const share = Math.floor(this.#totalBytes / Math.max(1, this.flows));
    return Math.min(WINDOW_MAX, Math.max(WINDOW_MIN, share));
  }
}

/** The largest window of one flow: 400 Mbit/s over a round trip (with the queues on the way) of 160 ms. */
export const WINDOW_MAX = 8 * 1024 * 1024;
/** The smallest while there is memory: what an opener may always send. */
const WINDOW_MIN = 64 * 1024;
/** The window while there is none: every flow goes on, at a crawl, until the held bytes have gone down. */
const WINDOW_SCARCE = 4 * 1024;

/**
 * The memory for bytes under way, shared by the flows of all sessions of this process: windows shrink as active flows
 * grow in number, and where that is not enough (windows that were given stay given) nothing new is taken in.
 */
export class WindowBudget {
  readonly #totalBytes: number;
  readonly #held = new Map<object, number>();
  #heldBytes = 0;
  /** Flows that move or hold bytes: those that are idle need no memory. */
  active = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** True while more is held than there should be: local ends are not read, new flows are refused. */
  get exhausted(): boolean {
    return this.#heldBytes > this.#totalBytes;
  }

  /** What `owner` holds now, instead of what it held before. */
  note(owner: object, heldBytes: number): void {
    this.#heldBytes += heldBytes - (this.#held.get(owner) ?? 0);
    if (heldBytes === 0) this.#held.delete(owner);
    else this.#held.set(owner, heldBytes);
  }

  /** The window, in bytes, that a flow may have now if it needs `need`. */
  window(need = WINDOW_MAX): number {
    if (this.exhausted) return WINDOW_SCARCE;
    const share = Math.floor(this.#totalBytes / Math.max(1, this.active));
    return Math.max(WINDOW_MIN, Math.min(WINDOW_MAX, share, need));
  }
}

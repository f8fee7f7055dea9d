/** The largest window of one flow: 400 Mbit/s over a round trip (with the queues on the way) of 160 ms. */
export const WINDOW_MAX = 8 * 1024 * 1024;
/** The smallest while there is memory: what an opener may always send. */
const WINDOW_MIN = 64 * 1024;
/** The window while twice as much is held as should be: every flow goes on, at a crawl, until that has gone down. */
const WINDOW_SCARCE = 4 * 1024;

/** A flow holds as much on its way to the peer, and as much again behind it, read from the application already. */
const SIDES = 2;

/** What the threads of a process know of each other's flows: each writes what is its own, all add it up. */
export interface BudgetShare {
  /** Of each thread its active flows and the KiB that they hold. */
  readonly cells: SharedArrayBuffer;
  /** Which of them is this one, from 0. */
  readonly thread: number;
}

const CELLS = 2;
const KIBIBYTE = 1024;

/** Memory for the shares of so many threads. */
export function budgetCells(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * CELLS * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * The memory for bytes under way, shared by the flows of all sessions of this process: windows shrink as active flows
 * grow in number, and where that is not enough (windows that were given stay given) nothing new is taken in.
 */
export class WindowBudget {
  readonly #totalBytes: number;
  readonly #held = new Map<object, number>();
  readonly #cells: Int32Array;
  readonly #own: number;
  #heldBytes = 0;

  constructor(totalBytes: number, { cells, thread }: BudgetShare = { cells: budgetCells(1), thread: 0 }) {
    this.#totalBytes = totalBytes;
    this.#cells = new Int32Array(cells);
    this.#own = thread * CELLS;
  }

  /** Flows of this thread that move or hold bytes: those that are idle need no memory. */
  get active(): number {
    return this.#cells[this.#own] ?? 0;
  }

  set active(count: number) {
    this.#cells[this.#own] = count;
  }

  /** True while more is held than there should be: local ends are not read, new flows are refused. */
  get exhausted(): boolean {
    return this.#heldByAll() > this.#totalBytes;
  }

  /** Bytes that all threads hold. */
  #heldByAll(): number {
    let bytes = this.#heldBytes;
    for (let at = 0; at < this.#cells.length; at += CELLS)
      if (at !== this.#own) bytes += (this.#cells[at + 1] ?? 0) * KIBIBYTE;
    return bytes;
  }

  /** What `owner` holds now, instead of what it held before. */
  note(owner: object, heldBytes: number): void {
    this.#heldBytes += heldBytes - (this.#held.get(owner) ?? 0);
    if (heldBytes === 0) this.#held.delete(owner);
    else this.#held.set(owner, heldBytes);
    this.#cells[this.#own + 1] = Math.ceil(this.#heldBytes / KIBIBYTE);
  }

  /** The window, in bytes, that a flow may have now if it needs `need`. */
  window(need = WINDOW_MAX): number {
    const missing = this.#heldByAll() / this.#totalBytes - 1;
    if (missing >= 1) return WINDOW_SCARCE;
    let active = 0;
    for (let at = 0; at < this.#cells.length; at += CELLS) active += this.#cells[at] ?? 0;
    const share = Math.floor(this.#totalBytes / SIDES / Math.max(1, active));
    const window = Math.max(WINDOW_MIN, Math.min(WINDOW_MAX, share, need));
    return missing <= 0 ? window : Math.max(WINDOW_SCARCE, Math.floor(window * (1 - missing)));
  }
}

/** How often `trimPools` is to be called (ms). */
export const TRIM_EVERY_MS = 1000;
/** Of the buffers that nobody needed since the last time, as many are let go: after a burst they are gone in half a minute. */
const TRIM_SHARE = 1 / 8;

const pools: BufferPool[] = [];

/**
 * Buffers of one size, used again and again: what the busy take and give a thousand times a second is no garbage. V8 collects
 * the whole heap for a few dozen megabytes of buffers thrown away, however small the heap is (docs/performance.md). Never
 * larger than what was in use at one time, and what is not needed any more goes bit by bit.
 */
export class BufferPool {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];
  /** The fewest that were free since the last `trim`: nobody needed these. */
  #spare = 0;

  /** Only for pools that live as long as the process: it is trimmed with all others. */
  constructor(bytes: number) {
    this.#bytes = bytes;
    pools.push(this);
  }

  /** Buffers that wait to be used again. */
  get free(): number {
    return this.#free.length;
  }

  /** A buffer that holds anything. */
  take(): Buffer {
    const buffer = this.#free.pop();
    this.#spare = Math.min(this.#spare, this.#free.length);
    return buffer ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** Gives back what was taken; whoever gives it has no view of it left. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }

  /** Lets go some of what was not needed of late. */
  trim(): void {
    this.#free.length -= Math.ceil(this.#spare * TRIM_SHARE);
    this.#spare = this.#free.length;
  }
}

/** Trims all pools of this thread. */
export function trimPools(): void {
  for (const pool of pools) pool.trim();
}

/** Buffers of one size, used again and again: what the busy take and give a thousand times a second is no garbage. */
export class BufferPool {
  readonly #bytes: number;
  readonly #keep: number;
  readonly #free: Buffer[] = [];

  /** `keep`: as many are kept at most while nobody uses them. */
  constructor(bytes: number, keep: number) {
    this.#bytes = bytes;
    this.#keep = keep;
  }

  /** A buffer that holds anything. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** Gives back what was taken; whoever gives it has no view of it left. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}

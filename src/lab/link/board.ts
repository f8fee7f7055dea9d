/** What happened in one direction of a link since the lab came up. Frames and bytes with the Ethernet header. */
export interface DirectionCounters {
  /** Frames that entered: the sum of all that follow, but for `bytes` and `backlog`. */
  readonly offered: number;
  /** Frames that arrived, and their bytes. */
  readonly delivered: number;
  readonly bytes: number;
  /** Lost by chance (`loss`). */
  readonly lost: number;
  /** Dropped because the queue was full. */
  readonly overflowed: number;
  /** Dropped for what they are: too big for an MTU black hole, or blocked. */
  readonly filtered: number;
  /** Gone into a black hole, a link that is down or a device that is not up. */
  readonly cut: number;
  /** On their way now. */
  readonly held: number;
  /** Bytes that wait for the transmitter now. */
  readonly backlog: number;
}

const COUNTERS = [
  "offered",
  "delivered",
  "bytes",
  "lost",
  "overflowed",
  "filtered",
  "cut",
  "held",
  "backlog",
] as const;

/* Places in the control words. */
const WANTED = 0;
const APPLIED = 1;
const STOP = 2;
const CONTROL_BYTES = 16;

/** The counters of one direction as the loop writes them, without an object per packet. */
export type CounterName = (typeof COUNTERS)[number];

/**
 * The memory that the loop's thread shares with the one that commands it, as a loop that blocks in ppoll(2) hears no
 * events: which of the changes it was sent it has applied, whether to stop, and the counters, written there and read
 * here. Two directions per link: up is 2n, down is 2n + 1.
 */
export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #values: Float64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.#values = new Float64Array(buffer, CONTROL_BYTES);
  }

  static forDirections(count: number): Board {
    return new Board(new SharedArrayBuffer(CONTROL_BYTES + count * COUNTERS.length * 8));
  }

  // -- the commanding side

  /** Settles once the loop goes by what it was sent before; false when it has not within `timeoutMs`. */
  async commit(timeoutMs: number): Promise<boolean> {
    const wanted = Atomics.add(this.#control, WANTED, 1) + 1;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const applied = Atomics.load(this.#control, APPLIED);
      // A difference, because the number may pass 2^31 and go on below zero.
      if (((applied - wanted) | 0) >= 0) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await Atomics.waitAsync(this.#control, APPLIED, applied, left).value;
    }
  }

  counters(direction: number): DirectionCounters {
    const view = this.counterView(direction);
    const entries = COUNTERS.map((key, index) => [key, view[index] ?? 0]);
    return Object.fromEntries(entries) as Record<CounterName, number>;
  }

  stop(): void {
    Atomics.store(this.#control, STOP, 1);
  }

  // -- the loop's side

  /** Number of the newest change that was sent. */
  get wanted(): number {
    return Atomics.load(this.#control, WANTED);
  }

  get stopped(): boolean {
    return Atomics.load(this.#control, STOP) !== 0;
  }

  applied(wanted: number): void {
    Atomics.store(this.#control, APPLIED, wanted);
    Atomics.notify(this.#control, APPLIED);
  }

  /** A view on one direction's counters, in the order of `counterIndex`. */
  counterView(direction: number): Float64Array<SharedArrayBuffer> {
    return this.#values.subarray(direction * COUNTERS.length, (direction + 1) * COUNTERS.length);
  }
}

/** Places in a `counterView`. */
export const counterIndex = Object.fromEntries(COUNTERS.map((key, index) => [key, index])) as Record<
  CounterName,
  number
>;

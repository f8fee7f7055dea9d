import type { DirectionSettings } from "./model.ts";

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
  /** Gone into a black hole, a link that is down or a device that is not up. */
  readonly cut: number;
  /** On their way now. */
  readonly held: number;
  /** Bytes that wait for the transmitter now. */
  readonly backlog: number;
}

/** What the loop needs to know of one direction: its arithmetic, and whether anything gets through at all. */
export interface DirectionState extends DirectionSettings {
  /** False: a black hole. */
  readonly open: boolean;
  /** False: the cable is out; the same for both directions of a link. */
  readonly carrier: boolean;
}

const STATE = ["rate", "delay", "jitter", "loss", "queue", "open", "carrier"] as const;
const COUNTERS = ["offered", "delivered", "bytes", "lost", "overflowed", "cut", "held", "backlog"] as const;
const STRIDE = STATE.length + COUNTERS.length;

/* Places in the control words. */
const WANTED = 0;
const APPLIED = 1;
const STOP = 2;
const CONTROL_BYTES = 16;

/** The counters of one direction as the loop writes them, without an object per packet. */
export type CounterName = (typeof COUNTERS)[number];

/**
 * The memory that the loop's thread shares with the one that commands it: the state of every direction, written here
 * and applied there, and the counters, written there and read here. Two directions per link: up is 2n, down is 2n + 1.
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
    return new Board(new SharedArrayBuffer(CONTROL_BYTES + count * STRIDE * 8));
  }

  // -- the commanding side

  /** Takes effect together with all else that was written, at the next `commit`. */
  write(direction: number, state: DirectionState): void {
    for (const [index, key] of STATE.entries()) this.#values[direction * STRIDE + index] = Number(state[key]);
  }

  /** Settles once the loop goes by what was written; false when it has not within `timeoutMs`. */
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
    const at = direction * STRIDE + STATE.length;
    const entries = COUNTERS.map((key, index) => [key, this.#values[at + index] ?? 0]);
    return Object.fromEntries(entries) as Record<CounterName, number>;
  }

  stop(): void {
    Atomics.store(this.#control, STOP, 1);
  }

  // -- the loop's side

  /** Number of the newest state written. */
  get wanted(): number {
    return Atomics.load(this.#control, WANTED);
  }

  get stopped(): boolean {
    return Atomics.load(this.#control, STOP) !== 0;
  }

  read(direction: number): DirectionState {
    const entries = STATE.map((key, index) => [key, this.#values[direction * STRIDE + index] ?? 0]);
    const values = Object.fromEntries(entries) as Record<(typeof STATE)[number], number>;
    return { ...values, open: values.open !== 0, carrier: values.carrier !== 0 };
  }

  applied(wanted: number): void {
    Atomics.store(this.#control, APPLIED, wanted);
    Atomics.notify(this.#control, APPLIED);
  }

  /** A view on one direction's counters, in the order of `counterIndex`. */
  counterView(direction: number): Float64Array<SharedArrayBuffer> {
    const at = direction * STRIDE + STATE.length;
    return this.#values.subarray(at, at + COUNTERS.length);
  }
}

/** Places in a `counterView`. */
export const counterIndex = Object.fromEntries(COUNTERS.map((key, index) => [key, index])) as Record<
  CounterName,
  number
>;

/** How often `look` is to be called (ms): several round trips of most paths. */
export const ROOM_TICK_MS = 200;
/** The queue (ms) that bulk may make where others have something to say, at least; half a round trip where that is longer. */
const WAIT_MS = 10;
/** Where nobody else is there to wait: as much as keeps every WAN busy. */
const WAIT_ALONE_MS = 60;
/** Bytes under way that bulk has at least, whoever else fills the queue: 20 Mbit/s over 100 ms. */
const LEAST_BYTES = 256 * 1024;
/** The most that one look takes away, or adds, of what there was. */
const SHRINK = 0.15;
const GROW = 0.08;
/** Below this share of its room, bulk is not held up by it: no reason to grow. */
const FULL_SHARE = 0.8;

/** What is seen of the way at present. */
export interface RoomSight {
  /** Flows that have much to say. */
  readonly bulkFlows: number;
  /** Whether others have something to say. */
  readonly others: boolean;
  /** Bytes of bulk sent and not acknowledged. */
  readonly underway: number;
  /** What waits on the best path, and its round trip without that (ms). */
  readonly waitMs: number;
  readonly rttMs: number;
}

/**
 * The bytes that bulk together may have under way. The kernel's congestion control fills the queues at the bottleneck, each
 * connection for itself, and many connections fill them to the brim: every keystroke and every page waits behind them.
 * Held back by what waits there, bulk takes what is left of the WANs, and the queues stay short.
 */
export class Room {
  #bytes = Infinity;

  get bytes(): number {
    return this.#bytes;
  }

  look({ bulkFlows, others, underway, waitMs, rttMs }: RoomSight): void {
    // One flow's window is bounded by its own rate and round trip.
    if (bulkFlows < 2 || rttMs === 0) {
      this.#bytes = Infinity;
      return;
    }
    if (this.#bytes === Infinity) this.#bytes = Math.max(LEAST_BYTES, underway);
    const allowed = Math.max(others ? WAIT_MS : WAIT_ALONE_MS, rttMs / 2);
    const excess = waitMs / allowed - 1;
    if (excess > 0) this.#bytes *= 1 - SHRINK * Math.min(1, excess);
    else if (underway >= this.#bytes * FULL_SHARE) this.#bytes *= 1 + GROW * -excess;
    this.#bytes = Math.max(LEAST_BYTES, this.#bytes);
  }
}

import { WINDOW_MAX } from "./budget.ts";

/** How often `tick` is to be called (ms). */
export const PACE_TICK_MS = 1000;
/** So many bytes in one tick, twice in a row, are bulk: 1 Mbit/s, more than keystrokes, calls and small pages need. */
const BULK_BYTES = 128 * 1024;
const BULK_TICKS = 2;
/** Ticks below a quarter of that after which it is over: longer than a video's pause between two pieces. */
const OVER_TICKS = 10;
/** Who moves or holds less in a tick than this needs no memory worth sharing out. */
const ACTIVE_BYTES = 16 * 1024;
/**
 * A window is so many times rate times round trip: with twice of it the rate can double with every tick. What is more than
 * is needed waits in queues on the way, and when a path dies what it lost is sent again behind them.
 */
const GROWTH = 2;
/** On top of the round trip (ms): an ACK's delay, and what the applications at both ends take. */
const SLACK_MS = 50;
/** What is left of the best rate after a tick: one bad second is no reason to shrink. */
const FADING = 0.9;
/** The window that everybody gets at least, as far as there is memory: a page's worth, before anything is known. */
const NEED_MIN = 1024 * 1024;

/** What a flow has done so far, and the round trip of the longest path, without queues (ms); 0 while that is unknown. */
export interface Pulse {
  /** In both directions. */
  readonly movedBytes: number;
  readonly heldBytes: number;
  readonly rttMs: number;
}

/** How much a flow has to say: whether it needs a carrier to itself, shares one, or needs none, and how large a window. */
export class Pace {
  isBulk = false;
  /** Whether it has a share of the memory. */
  isActive = true;
  /** Ticks without a byte, so far. */
  idleTicks = 0;
  /** Bytes under way that are of use to it: twice its best rate as of late times the round trip. */
  need = WINDOW_MAX;
  #best = 0;
  #bytes = 0;
  #fast = 0;
  #slow = 0;

  tick({ movedBytes, heldBytes, rttMs }: Pulse): void {
    const moved = movedBytes - this.#bytes;
    this.#bytes = movedBytes;
    this.idleTicks = moved > 0 ? 0 : this.idleTicks + 1;
    this.isActive = moved >= ACTIVE_BYTES || heldBytes >= ACTIVE_BYTES;
    this.#best = Math.max(moved, this.#best * FADING);
    const product = (this.#best / PACE_TICK_MS) * (rttMs + SLACK_MS);
    this.need = rttMs === 0 ? WINDOW_MAX : Math.max(NEED_MIN, Math.ceil(GROWTH * product));
    this.#fast = moved >= BULK_BYTES ? this.#fast + 1 : 0;
    this.#slow = moved < BULK_BYTES / 4 ? this.#slow + 1 : 0;
    if (this.#fast >= BULK_TICKS) this.isBulk = true;
    else if (this.#slow >= OVER_TICKS) this.isBulk = false;
  }
}

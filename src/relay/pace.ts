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
 * Of a window that is the only limit, one is moved in a round trip. So a window of several times what is moved leaves room to
 * grow by as much with every tick.
 */
const GROWTH = 4;
/** The round trip that is reckoned with at least (ms): what the applications take to answer is on top of the WANs'. */
const RTT_MIN_MS = 50;
/** What is left after a tick of what was needed before it: a video's next piece comes in seconds. */
const FADING = 0.8;

/** What a flow has done so far, and the round trip of the carriers (ms). */
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
  /** Bytes under way that are of use to it: several times its rate times the round trip. */
  need = WINDOW_MAX;
  #bytes = 0;
  #fast = 0;
  #slow = 0;

  tick({ movedBytes, heldBytes, rttMs }: Pulse): void {
    const moved = movedBytes - this.#bytes;
    this.#bytes = movedBytes;
    this.idleTicks = moved > 0 ? 0 : this.idleTicks + 1;
    this.isActive = moved >= ACTIVE_BYTES || heldBytes >= ACTIVE_BYTES;
    const product = (moved / PACE_TICK_MS) * Math.max(RTT_MIN_MS, rttMs);
    this.need = Math.ceil(Math.max(GROWTH * product, this.need * FADING));
    this.#fast = moved >= BULK_BYTES ? this.#fast + 1 : 0;
    this.#slow = moved < BULK_BYTES / 4 ? this.#slow + 1 : 0;
    if (this.#fast >= BULK_TICKS) this.isBulk = true;
    else if (this.#slow >= OVER_TICKS) this.isBulk = false;
  }
}

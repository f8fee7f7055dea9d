/** So many bytes in one tick, twice in a row, are bulk: 1 Mbit/s, more than keystrokes, calls and small pages need. */
const BULK_BYTES = 128 * 1024;
const BULK_TICKS = 2;
/** Ticks below a quarter of that after which it is over: longer than a video's pause between two pieces. */
const OVER_TICKS = 10;

/** How often `tick` is to be called (ms). */
export const PACE_TICK_MS = 1000;

/** How much a flow has to say: whether it needs a carrier to itself, shares one, or needs none. */
export class Pace {
  isBulk = false;
  /** Ticks without a byte, so far. */
  idleTicks = 0;
  #bytes = 0;
  #fast = 0;
  #slow = 0;

  /** To be called once a second with the bytes of both directions so far. */
  tick(bytes: number): void {
    const moved = bytes - this.#bytes;
    this.#bytes = bytes;
    this.idleTicks = moved > 0 ? 0 : this.idleTicks + 1;
    this.#fast = moved >= BULK_BYTES ? this.#fast + 1 : 0;
    this.#slow = moved < BULK_BYTES / 4 ? this.#slow + 1 : 0;
    if (this.#fast >= BULK_TICKS) this.isBulk = true;
    else if (this.#slow >= OVER_TICKS) this.isBulk = false;
  }
}

import type { Spread } from "./subflows.ts";

/** Time between looks (ms), so that a download has all WANs long before its first megabytes are there. */
export const LOAD_TICK_MS = 100;
/** So much in one tick is bulk: 10 Mbit/s, more than calls, keystrokes and small pages need. */
const BURST_BYTES = 128 * 1024;
/** And so much in each of several ticks in a row: a WAN of 0.5 Mbit/s that is full, and longer than a page loads. */
const STEADY_BYTES = 4 * 1024;
const STEADY_TICKS = 5;
/** Ticks below STEADY_BYTES after which it is over: a pause between two pieces of a video is not. */
const QUIET_TICKS = 20;

/** Tells by the bytes that a carrier moves whether it should keep to the best way or take all. */
export class Load {
  #bytes = 0;
  #steady = 0;
  #quiet = 0;
  #spread: Spread = "best";

  get spread(): Spread {
    return this.#spread;
  }

  /** To be called every tick with the bytes in both directions so far. */
  tick(bytes: number): void {
    const moved = bytes - this.#bytes;
    this.#bytes = bytes;
    this.#steady = moved >= STEADY_BYTES ? this.#steady + 1 : 0;
    this.#quiet = moved >= STEADY_BYTES ? 0 : this.#quiet + 1;
    if (moved >= BURST_BYTES || this.#steady >= STEADY_TICKS) this.#spread = "all";
    else if (this.#quiet >= QUIET_TICKS) this.#spread = "best";
  }
}

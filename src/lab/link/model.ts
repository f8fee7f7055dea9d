import { BurstLossProcess } from "./burstloss.ts";
import { normal, type Random } from "./random.ts";
import type { DirectionSettings } from "./settings.ts";
import { constantRate, tracedRate, type Transmitter } from "./transmitter.ts";

/** What `offer` says of a packet that does not arrive. */
export const LOST = -1;
export const OVERFLOWED = -2;

/**
 * The arithmetic of one direction of a link, without packets, devices or clocks:
 *
 *     sender -> loss by chance, loss in bursts -> delay line, order kept -> drop-tail queue -> transmitter at `rate` -> receiver
 *
 * A packet that enters at `now` is through the delay line at ready = max(ready before, now + N(delay, jitter)), where
 * it finds (free - ready) * rate bytes waiting, `free` being when the transmitter will have finished what it has. So
 * it arrives at t = max(t before, now + N(delay, jitter)) + size / rate, which is netem's arithmetic, and the queue's
 * limit is exact to the byte. What was accepted keeps its time when the settings change.
 */
export class LinkModel {
  readonly #random: Random;
  readonly #normal: Random;
  readonly #bursts: BurstLossProcess;
  #settings: DirectionSettings;
  #transmitter: Transmitter;
  #ready = 0;
  #free = 0;

  /** A trace of the rate begins at `now` (ms). */
  constructor(settings: DirectionSettings, random: Random, now = 0) {
    this.#random = random;
    this.#normal = normal(random);
    this.#bursts = new BurstLossProcess(random);
    this.#settings = settings;
    this.#transmitter = transmitterOf(settings, now);
  }

  /** From `now` (ms) on the link is like this. A trace that it had already goes on. */
  apply(settings: DirectionSettings, now: number): void {
    const before = this.#settings;
    this.#settings = settings;
    if (settings.rate === before.rate && settings.trace?.serial === before.trace?.serial) return;
    this.#transmitter = transmitterOf(settings, now);
  }

  /**
   * When a packet of `size` bytes that enters at `now` (ms), while `held` others are under way, arrives at the far end,
   * or LOST, or OVERFLOWED.
   */
  offer(size: number, now: number, held = 0): number {
    const { delay, jitter, loss, burstLoss, queue, limit } = this.#settings;
    if (loss > 0 && this.#random() * 1000 < loss) return LOST;
    if (burstLoss !== undefined && this.#bursts.loses(burstLoss)) return LOST;
    if (held >= limit) return OVERFLOWED;
    const flight = jitter > 0 ? Math.max(0, delay + jitter * this.#normal()) : delay;
    const ready = Math.max(this.#ready, now + flight);
    this.#ready = ready;
    if (this.#free > ready && this.#transmitter.sends(ready, this.#free) + size > queue) return OVERFLOWED;
    this.#free = this.#transmitter.done(Math.max(this.#free, ready), size);
    return this.#free;
  }

  /** For how long (ms) the packet just accepted is held back at the far end, where others overtake it; mostly 0. */
  heldBack(): number {
    const { reorder } = this.#settings;
    return reorder !== undefined && this.#random() * 1000 < reorder.share ? reorder.by : 0;
  }

  /** Bytes that a packet entering at `now` will find waiting before it. */
  backlog(now: number): number {
    const ready = Math.max(this.#ready, now + this.#settings.delay);
    return this.#free > ready ? this.#transmitter.sends(ready, this.#free) : 0;
  }
}

function transmitterOf({ rate, trace }: DirectionSettings, now: number): Transmitter {
  return trace === undefined ? constantRate(rate) : tracedRate(trace, now);
}

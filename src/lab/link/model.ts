import { normal, type Random } from "./random.ts";

/** One direction of a link. */
export interface DirectionSettings {
  /** Bits per second, counted with the Ethernet header as on TAPs; Infinity for a link that nothing slows. */
  readonly rate: number;
  /** Milliseconds, one way. */
  readonly delay: number;
  /** Standard deviation of the delay in milliseconds; packets keep their order. */
  readonly jitter: number;
  /** Packets lost by chance, per mille. */
  readonly loss: number;
  /** Bytes that may wait for the transmitter; what comes on top is dropped. */
  readonly queue: number;
}

/** What `offer` says of a packet that does not arrive. */
export const LOST = -1;
export const OVERFLOWED = -2;

/**
 * The arithmetic of one direction of a link, without packets, devices or clocks:
 *
 *     sender -> loss by chance -> delay line, order kept -> drop-tail queue -> transmitter at `rate` -> receiver
 *
 * A packet that enters at `now` is through the delay line at ready = max(ready before, now + N(delay, jitter)), where
 * it finds (free - ready) * rate bytes waiting, `free` being when the transmitter will have finished what it has. So
 * it arrives at t = max(t before, now + N(delay, jitter)) + size / rate, which is netem's arithmetic, and the queue's
 * limit is exact to the byte. What was accepted keeps its time when the settings change.
 */
export class LinkModel {
  settings: DirectionSettings;
  readonly #random: Random;
  readonly #normal: Random;
  #ready = 0;
  #free = 0;

  constructor(settings: DirectionSettings, random: Random) {
    this.settings = settings;
    this.#random = random;
    this.#normal = normal(random);
  }

  /** When a packet of `size` bytes that enters at `now` (ms) arrives at the far end, or LOST, or OVERFLOWED. */
  offer(size: number, now: number): number {
    const { rate, delay, jitter, loss, queue } = this.settings;
    if (loss > 0 && this.#random() * 1000 < loss) return LOST;
    const flight = jitter > 0 ? Math.max(0, delay + jitter * this.#normal()) : delay;
    const ready = Math.max(this.#ready, now + flight);
    this.#ready = ready;
    if (this.#free > ready && bytes(this.#free - ready, rate) + size > queue) return OVERFLOWED;
    this.#free = Math.max(this.#free, ready) + (size * 8000) / rate;
    return this.#free;
  }

  /** Bytes that a packet entering at `now` will find waiting before it. */
  backlog(now: number): number {
    const ready = Math.max(this.#ready, now + this.settings.delay);
    return bytes(Math.max(0, this.#free - ready), this.settings.rate);
  }
}

/** What a transmitter has still to send when it will be free in `ms`. Without a rate nothing ever waits. */
function bytes(ms: number, rate: number): number {
  return rate === Infinity ? 0 : (ms * rate) / 8000;
}

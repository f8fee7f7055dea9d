import { type Loss, LossMeter, mostLoss } from "./lossmeter.ts";
import type { Line } from "./verdict.ts";

/* RFC 6298 section 2: the weights of a new sample. */
const RTT_WEIGHT = 1 / 8;
const JITTER_WEIGHT = 1 / 4;
/** Round trip, its variation and the loss of a line, measured by probes. */
export class RoundTrip implements Line {
  rttMs: number | undefined;
  jitterMs: number | undefined;
  readonly #meter = new LossMeter();

  /** As it was counted. */
  get counted(): Loss {
    return this.#meter.loss;
  }

  get loss(): number {
    return mostLoss(this.#meter.loss);
  }

  answered(now: number, rttMs: number): void {
    const { rttMs: smooth, jitterMs = rttMs / 2 } = this;
    if (smooth === undefined) this.jitterMs = jitterMs;
    else this.jitterMs = jitterMs + JITTER_WEIGHT * (Math.abs(rttMs - smooth) - jitterMs);
    this.rttMs = smooth === undefined ? rttMs : smooth + RTT_WEIGHT * (rttMs - smooth);
    this.#meter.note(now, false);
  }

  /** One was lost while the line worked: one that was sent later is answered. */
  lost(now: number): void {
    this.#meter.note(now, true);
  }
}

import type { Line } from "./verdict.ts";

/* RFC 6298 section 2: the weights of a new sample. */
const RTT_WEIGHT = 1 / 8;
const JITTER_WEIGHT = 1 / 4;
const LOSS_WEIGHT = 1 / 16;

/** Round trip, its variation and the loss of a line, measured by probes. */
export class RoundTrip implements Line {
  rttMs: number | undefined;
  jitterMs: number | undefined;
  loss = 0;

  answered(rttMs: number): void {
    const { rttMs: smooth, jitterMs = rttMs / 2 } = this;
    if (smooth === undefined) this.jitterMs = jitterMs;
    else this.jitterMs = jitterMs + JITTER_WEIGHT * (Math.abs(rttMs - smooth) - jitterMs);
    this.rttMs = smooth === undefined ? rttMs : smooth + RTT_WEIGHT * (rttMs - smooth);
    this.#sample(0);
  }

  /** One was lost while the line worked: one that was sent later is answered. */
  lost(): void {
    this.#sample(1);
  }

  #sample(lost: number): void {
    this.loss += LOSS_WEIGHT * (lost - this.loss);
  }
}

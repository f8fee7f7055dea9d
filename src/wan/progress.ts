import type { SubflowSight } from "./sight.ts";
import type { Line } from "./verdict.ts";

/** A pause in which nothing was acknowledged, though something waited, that is worth remembering (ms). */
const PAUSE_MS = 100;
/** Loss is measured over about so many bytes: seconds of a busy line, and what was long ago counts less and less. */
const LOSS_WINDOW_BYTES = 4 * 2 ** 20;
/** Fewer tell nothing. */
const LOSS_LEAST_BYTES = 64 * 1024;

/** Follows one subflow from look to look: since when it waits for an acknowledgement, and how much it loses. */
export class Progress {
  #lookedAt: number | undefined;
  #delivered = 0;
  #sent = 0;
  #resent = 0;
  #windowSent = 0;
  #windowResent = 0;
  /** Since when what is outstanding has waited. */
  waitingSince: number | undefined;
  /** Since when it has gone on without a pause. */
  movingSince = -Infinity;

  /** Takes what the kernel tells now (ms). */
  look(now: number, sight: SubflowSight): void {
    const sinceLook = now - (this.#lookedAt ?? now);
    const moved = sight.delivered !== this.#delivered || this.#lookedAt === undefined;
    if (moved) this.#move(now - Math.min(sight.lastAckMs, sinceLook), sight);
    if (sight.unacked === 0) this.waitingSince = undefined;
    else if (moved) this.waitingSince = now - Math.min(sight.lastAckMs, sinceLook);
    // What is sent now says nothing of when the first of it was.
    else this.waitingSince ??= now - Math.min(sight.lastSentMs, sinceLook);
    this.#lookedAt = now;
  }

  /** The line under it, as far as this subflow knows it. */
  line({ rttMs, jitterMs }: SubflowSight): Line {
    const known = this.#windowSent >= LOSS_LEAST_BYTES;
    return { rttMs, jitterMs, loss: known ? this.#windowResent / this.#windowSent : 0 };
  }

  #move(at: number, { delivered, sentBytes, resentBytes }: SubflowSight): void {
    if (this.waitingSince !== undefined && at - this.waitingSince >= PAUSE_MS) this.movingSince = at;
    // What is sent again into a silence that nothing answers is no loss of a line that works: counted when it goes on.
    if (this.#lookedAt !== undefined) {
      this.#windowSent += sentBytes - this.#sent;
      this.#windowResent += resentBytes - this.#resent;
    }
    if (this.#windowSent > LOSS_WINDOW_BYTES) {
      this.#windowSent /= 2;
      this.#windowResent /= 2;
    }
    this.#delivered = delivered;
    this.#sent = sentBytes;
    this.#resent = resentBytes;
  }
}

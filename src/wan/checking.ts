import type { CheckSight } from "./wansight.ts";

/** What makes a look beyond the gateway more or less wanted at one moment. */
export interface CheckNeed {
  /** Whether nothing else says that the WAN is alive. */
  readonly doubted: boolean;
  /** Whether nothing moves over it. */
  readonly idle: boolean;
  /** Whether every byte is paid for. */
  readonly metered: boolean;
}

/** An answer has come by then (ms), also over a satellite with a queue; until then nobody else is asked. */
export const CHECK_TIMEOUT_MS = 2000;
/** Time between two questions (ms): who uses the line finds out soon that it leads nowhere; 10 MB a month at 84 bytes. */
const USUAL_MS = 20_000;
/** Where nothing moves nobody waits for it, and where bytes cost, 84 of them every five minutes are 1.4 MB a month. */
const IDLE_MS = 60_000;
const METERED_MS = 300_000;
/** While it is in doubt, or leads nowhere, one asks so often. */
const DOUBT_MS = 5000;
const DOUBT_METERED_MS = 30_000;
/** After an answer that did not come, the next question follows at once (ms): one packet may always be lost. */
const AGAIN_MS = 1000;
/** Questions in a row without an answer until nobody answers; of each target one at least. */
const TRIES = 3;

/**
 * Decides when one of the targets is asked, and whom, and what the answers mean: one that answers is enough, and only
 * several silences in a row are no. Pure: times are inputs (ms).
 */
export class Checking {
  readonly #targets: readonly string[];
  readonly #kind: string;
  #askedAt = -Infinity;
  #waiting = false;
  #next = 0;
  #missed = 0;
  #answered: boolean | undefined;
  #doubtedSince: number | undefined;

  constructor(kind: string, targets: readonly string[]) {
    this.#kind = kind;
    this.#targets = targets;
  }

  /** What is known so far. */
  get sight(): CheckSight {
    return { answered: this.#answered, what: `${this.#kind} ${this.#who}` };
  }

  /** Whom to ask now, if it is time to. `settle` is to follow. */
  due(now: number, need: CheckNeed): string | undefined {
    this.#doubtedSince = need.doubted ? (this.#doubtedSince ?? now) : undefined;
    const begins = this.#doubtedSince === now && now - this.#askedAt >= AGAIN_MS;
    if (this.#waiting || (!begins && now - this.#askedAt < this.#pauseMs(need))) return undefined;
    this.#askedAt = now;
    this.#waiting = true;
    return this.#targets[this.#next];
  }

  /** Whether who was asked has answered; undefined where the question could not be asked, which tells nothing. */
  settle(answered: boolean | undefined): void {
    this.#waiting = false;
    if (answered === undefined) return;
    this.#missed = answered ? 0 : this.#missed + 1;
    if (answered) this.#answered = true;
    else {
      this.#next = (this.#next + 1) % this.#targets.length;
      if (this.#missed >= Math.max(TRIES, this.#targets.length)) this.#answered = false;
    }
  }

  get #who(): string {
    if (this.#answered === false && this.#targets.length > 1) return `to ${this.#targets.length} targets`;
    return this.#targets[this.#next] ?? "";
  }

  #pauseMs({ doubted, idle, metered }: CheckNeed): number {
    if (this.#missed > 0 && this.#answered !== false) return AGAIN_MS;
    if (doubted || this.#answered === false) return metered ? DOUBT_METERED_MS : DOUBT_MS;
    if (metered) return METERED_MS;
    return idle ? IDLE_MS : USUAL_MS;
  }
}

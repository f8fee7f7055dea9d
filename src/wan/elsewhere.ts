import type { WayFigures } from "./figures.ts";

/**
 * What was last heard over another WAN so much later (ms) was sent when this one no longer brought anything: more than
 * lies between the acknowledgements of two WANs in use, less than the least verdict takes (DEAD_LEAST_MS in verdict.ts).
 */
const LATER_MS = 80;
/** A WAN that is silent for so long (ms) had its chance: the others were asked as well by then, and would be dead, too. */
const ASKED_MS = 1000;
/** The server was silent on every WAN: since it is heard on one, the others have so long (ms) to be tried again. */
const TRIED_AGAIN_MS = 2000;

export interface HeardWay extends Pick<WayFigures, "heardMs"> {
  readonly way: string;
}

/**
 * Whether a WAN's silence is its own. The others' word counts only where it is newer than the silence: when the server goes,
 * one WAN is the first to notice, and when it is back, one is the first to hear it.
 */
export class Elsewhere {
  #heard: readonly HeardWay[] = [];
  /** Since when the server is heard at all. */
  #since: number | undefined;
  #now = 0;

  /** Takes in over which WANs the server is heard now. */
  look(now: number, heard: readonly HeardWay[]): void {
    this.#now = now;
    this.#since = heard.length === 0 ? undefined : (this.#since ?? now);
    this.#heard = heard;
  }

  /** Whether it is heard over another one than `wan`, where that has been silent for `silentMs` (null: always). */
  than(wan: string, silentMs: number | null): boolean {
    if (this.#since === undefined || this.#now - this.#since < TRIED_AGAIN_MS) return false;
    const silence = silentMs ?? Infinity;
    const isNewer = ({ heardMs }: HeardWay): boolean =>
      silence >= ASKED_MS || (heardMs !== null && heardMs + LATER_MS <= silence);
    return this.#heard.some((one) => one.way !== wan && isNewer(one));
  }
}

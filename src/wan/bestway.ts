/** What one subflow tells about its way. */
export interface WaySight {
  readonly way: string;
  /** Smoothed, with the queues of the moment in it. */
  readonly rttMs: number;
  /** Since anything was heard on it: an old RTT tells little. */
  readonly silentMs: number;
}

/** Another way is better only if it takes less than this share of the round trip, and so much less (ms): else it is noise. */
const BETTER_SHARE = 0.8;
const BETTER_MS = 3;
/** And for this long (ms): a queue that drains within a second is no reason to move. */
const BETTER_FOR_MS = 1000;

/** The way with the shortest round trip, with hysteresis. */
export class BestWay {
  #best: string | undefined;
  #rival: { readonly name: string; readonly since: number } | undefined;

  /** Undefined before any round trip was measured. */
  get name(): string | undefined {
    return this.#best;
  }

  /** Takes what all subflows tell now (ms); of each way, the one that was heard last counts. */
  look(now: number, sights: readonly WaySight[]): void {
    const latest = new Map<string, WaySight>();
    for (const sight of sights) {
      const known = latest.get(sight.way);
      if (known === undefined || sight.silentMs < known.silentMs) latest.set(sight.way, sight);
    }
    const [fastest] = [...latest.values()].sort((a, b) => a.rttMs - b.rttMs);
    if (fastest === undefined) return;
    const present = this.#best === undefined ? undefined : latest.get(this.#best);
    if (present === undefined) this.#choose(fastest.way);
    else if (!isBetter(fastest, present)) this.#rival = undefined;
    else {
      if (this.#rival?.name !== fastest.way) this.#rival = { name: fastest.way, since: now };
      if (now - this.#rival.since >= BETTER_FOR_MS) this.#choose(fastest.way);
    }
  }

  #choose(way: string): void {
    this.#best = way;
    this.#rival = undefined;
  }
}

const isBetter = (a: WaySight, b: WaySight): boolean =>
  a.rttMs < b.rttMs * BETTER_SHARE && a.rttMs < b.rttMs - BETTER_MS;

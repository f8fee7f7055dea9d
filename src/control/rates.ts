/** Bytes in both directions, counted since something began. */
export interface Counter {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Bits per second. */
export interface Rate {
  readonly in: number;
  readonly out: number;
}

interface Sample extends Counter {
  readonly at: number;
  readonly rate: Rate;
}

const NONE: Rate = { in: 0, out: 0 };

/** Turns counters that are looked at now and then into rates over the time between two looks. */
export class Rates {
  #samples = new Map<string, Sample>();

  /** Notes all counters there are now (ms). Those that are not named any more are forgotten. */
  update(now: number, counters: Iterable<readonly [key: string, counter: Counter]>): void {
    const next = new Map<string, Sample>();
    for (const [key, counter] of counters) {
      next.set(key, { ...counter, at: now, rate: rateSince(this.#samples.get(key), counter, now) });
    }
    this.#samples = next;
  }

  /** The rate at the last look; zero for what was seen once or never. */
  of(key: string): Rate {
    return this.#samples.get(key)?.rate ?? NONE;
  }
}

function rateSince(last: Sample | undefined, counter: Counter, now: number): Rate {
  // A counter that went back belongs to something new of the same name.
  if (last === undefined || counter.bytesIn < last.bytesIn || counter.bytesOut < last.bytesOut) return NONE;
  const ms = now - last.at;
  if (ms <= 0) return last.rate;
  return {
    in: ((counter.bytesIn - last.bytesIn) * 8000) / ms,
    out: ((counter.bytesOut - last.bytesOut) * 8000) / ms,
  };
}

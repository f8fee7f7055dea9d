/** Time as an input, so that protocol code can be run at any speed (architecture rule 3). All times are milliseconds. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; fractions count. */
  now(): number;
  /** Calls `fn` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, fn: () => void): () => void;
  /** Calls `fn` every `periodMs` until the returned function is called. Never keeps the process alive. */
  every(periodMs: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs, fn) {
    const timer = setInterval(fn, periodMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

interface Alarm {
  at: number;
  readonly periodMs: number | undefined;
  readonly fn: () => void;
}

/** A clock that moves only when told to; alarms fire in order of time. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  /** When the next alarm falls due; undefined while nobody waits for one. */
  get nextAt(): number | undefined {
    let next: number | undefined;
    for (const { at } of this.#alarms) if (next === undefined || at < next) next = at;
    return next;
  }

  after(delayMs: number, fn: () => void): () => void {
    return this.#add({ at: this.#now + delayMs, periodMs: undefined, fn });
  }

  every(periodMs: number, fn: () => void): () => void {
    return this.#add({ at: this.#now + periodMs, periodMs, fn });
  }

  /** Moves time forward by `ms`, firing what falls due on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: Alarm | undefined;
      for (const alarm of this.#alarms) {
        if (alarm.at <= end && (next === undefined || alarm.at < next.at)) next = alarm;
      }
      if (next === undefined) break;
      this.#now = next.at;
      if (next.periodMs === undefined) this.#alarms.delete(next);
      else next.at += next.periodMs;
      next.fn();
    }
    this.#now = end;
  }

  #add(alarm: Alarm): () => void {
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }
}

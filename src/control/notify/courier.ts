import type { Clock } from "../../base/clock.ts";
import { messageOf, SennitError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { RouterEvent } from "../events.ts";
import type { Sink } from "./sink.ts";

export interface CourierDeps {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly log: Log;
}

/** Events that wait for one sink; then the oldest goes. A sink that is told ten in ten minutes has hours to come back. */
const MAX_WAITING = 100;
/** Pauses before another try (ms): what goes wrong when a WAN dies is better in seconds, a web service within the hour. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 600_000;
/** Tries: with these pauses, 57 minutes. */
const MAX_TRIES = 14;

/** Brings events to one sink: one after the other, never while they happen, again where it was in vain. */
export class Courier {
  readonly #deps: CourierDeps;
  #waiting: RouterEvent[] = [];
  #tries = 0;
  #busy = false;
  #stopped = false;
  #cancel: (() => void) | undefined;
  /** What went wrong last; undefined after a success. */
  trouble: string | undefined;

  constructor(deps: CourierDeps) {
    this.#deps = deps;
  }

  get name(): string {
    return this.#deps.sink.name;
  }

  /** Takes the event over and returns at once. */
  take(event: RouterEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#tries = 0;
    }
    this.#next(0);
  }

  /** What waits is not told any more; what is on its way is left to itself. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#waiting = [];
  }

  #next(delayMs: number): void {
    if (this.#stopped || this.#busy || this.#cancel !== undefined || this.#waiting.length === 0) return;
    this.#cancel = this.#deps.clock.after(delayMs, () => {
      this.#cancel = undefined;
      void this.#deliver();
    });
  }

  async #deliver(): Promise<void> {
    const [event] = this.#waiting;
    if (event === undefined) return;
    this.#busy = true;
    const again = await this.#tell(event);
    this.#busy = false;
    if (again) {
      this.#next(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#tries - 1)));
      return;
    }
    this.#tries = 0;
    // It may have been dropped meanwhile, for newer ones.
    if (this.#waiting[0] === event) this.#waiting.shift();
    this.#next(0);
  }

  /** Whether it is to be tried again. */
  async #tell(event: RouterEvent): Promise<boolean> {
    const { sink, log } = this.#deps;
    try {
      await sink.deliver(event);
      this.trouble = undefined;
      return false;
    } catch (error) {
      const why = messageOf(error);
      this.#tries++;
      const refused = error instanceof SennitError && error.code === "notify-refused";
      const again = sink.retries && !refused && this.#tries < MAX_TRIES;
      // One line for the first failure and one for the last: the pauses in between are nobody's news.
      if (!again) log.error({ to: sink.name, code: event.code, why }, "event not told");
      else if (this.#tries === 1) log.warn({ to: sink.name, code: event.code, why }, "event not told yet");
      this.trouble = why;
      return again;
    }
  }
}

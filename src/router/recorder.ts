import { join } from "node:path";
import type { StatusReport, WanStatus } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { RouterConfig } from "../config/router.ts";
import { History } from "../store/history/history.ts";
import type { KeptEvent, Sample, Span, Step } from "../store/history/sample.ts";
import { carries } from "../wan/supervisor.ts";

export interface RecorderDeps {
  readonly history: Pick<History, "open" | "write" | "samples" | "events" | "close">;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly log: Log;
}

/** What is not on disk yet is lost with the process: less than the 5 s that may be, and one write for many samples. */
export const WRITE_EVERY_MS = 3000;
/** While nothing can be written: a few minutes of it are kept, and the oldest goes first. */
const MAX_WAITING = 2000;
/** A look that came so late (s) tells nothing of the time before it. */
const MAX_SECONDS = 60;

/** Takes down how the WANs fare, second by second, and what happens; writes it to the history in batches. */
export class Recorder {
  readonly #deps: RecorderDeps;
  #samples: Sample[] = [];
  #events: KeptEvent[] = [];
  readonly #before = new Map<string, { readonly down: number; readonly up: number }>();
  #lookedAt: number | undefined;
  #wroteAt = 0;
  /** Why nothing is kept; undefined while all is. */
  #trouble: string | undefined;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
  }

  /** Opens the history. Where it cannot be, the router goes on without, and says so. */
  start(): void {
    this.#wroteAt = this.#deps.clock.now();
    this.#attempt(() => this.#deps.history.open());
  }

  /** Writes what waits. */
  stop(): void {
    this.#write();
    this.#deps.history.close();
  }

  get problems(): StatusReport["problems"] {
    if (this.#trouble === undefined) return [];
    const remedy = "see that the state directory can be written to and its disk has room";
    return [{ code: "history-not-kept", message: `the history is not kept: ${this.#trouble}`, remedy }];
  }

  /** To be called once a second with the WANs as they are. */
  look(wans: readonly WanStatus[]): void {
    const { clock, wallClock } = this.#deps;
    const now = clock.now();
    const since = (now - (this.#lookedAt ?? now - 1000)) / 1000;
    const seconds = Math.max(1, Math.min(MAX_SECONDS, Math.round(since)));
    this.#lookedAt = now;
    const at = Math.floor(wallClock() / 1000);
    for (const wan of wans) this.#samples.push(this.#sampleOf(wan, at, seconds));
    for (const name of this.#before.keys())
      if (!wans.some((wan) => wan.name === name)) this.#before.delete(name);
    this.#samples.splice(0, this.#samples.length - MAX_WAITING);
    if (now - this.#wroteAt >= WRITE_EVERY_MS) this.#write();
  }

  note(event: KeptEvent): void {
    this.#events.push(event);
    this.#events.splice(0, this.#events.length - MAX_WAITING);
  }

  /** What was kept, up to now. Throws where it cannot be read. */
  samples(step: Step, span: Span, wan?: string): readonly Sample[] {
    this.#write();
    return this.#deps.history.samples(step, span, wan);
  }

  events(span: Span, limit: number): readonly KeptEvent[] {
    this.#write();
    return this.#deps.history.events(span, limit);
  }

  #sampleOf({ name, state, traffic, ...figures }: WanStatus, at: number, seconds: number): Sample {
    const before = this.#before.get(name) ?? traffic.bytes;
    this.#before.set(name, traffic.bytes);
    return {
      wan: name,
      at,
      seconds,
      bytesDown: moved(before.down, traffic.bytes.down),
      bytesUp: moved(before.up, traffic.bytes.up),
      peakDown: traffic.rate.down,
      peakUp: traffic.rate.up,
      rttMs: figures.rttMs,
      rttMaxMs: figures.rttMs,
      jitterMs: figures.jitterMs,
      lossPerMille: figures.lossPerMille,
      carryingPerMille: carries(state.name) ? 1000 : 0,
    };
  }

  #write(): void {
    this.#wroteAt = this.#deps.clock.now();
    if (this.#samples.length + this.#events.length === 0) return;
    this.#attempt(() => {
      this.#deps.history.write(this.#samples, this.#events, this.#deps.wallClock());
      [this.#samples, this.#events] = [[], []];
    });
  }

  #attempt(work: () => void): void {
    try {
      work();
      if (this.#trouble !== undefined) this.#deps.log.info({}, "the history is kept again");
      this.#trouble = undefined;
    } catch (error) {
      const why = messageOf(error);
      // Once, and not every three seconds.
      if (this.#trouble !== why) this.#deps.log.error({ why }, "the history is not kept");
      this.#trouble = why;
    }
  }
}

/** A counter that went back belongs to a device that is new. */
const moved = (before: number, now: number): number => (now < before ? 0 : now - before);

/** The recorder of a config, on its file in the state directory; `emit` hears of what happens to that. */
export function openRecorder(
  { directories, history }: RouterConfig,
  clock: Clock,
  log: Log,
  emit: (event: KeptEvent) => void,
): Recorder {
  const path = join(directories.state, "history.db");
  const onDamaged = (aside: string, why: string): void => {
    const text = `the history was damaged: it stands at ${aside}, and a new one begins`;
    log.error({ aside, why }, text);
    emit({
      at: Date.now(),
      code: "history-damaged",
      severity: "warning",
      wan: null,
      text,
      fields: { aside, why },
    });
  };
  return new Recorder({
    history: new History({ path, retention: history, onDamaged }),
    clock,
    wallClock: Date.now,
    log,
  });
}

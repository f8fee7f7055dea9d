import type { EventsQuery, EventsReport, HistoryQuery, HistoryReport } from "../api/history.ts";
import type { StatusReport } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { RouterConfig } from "../config/router.ts";
import { Events } from "../control/events.ts";
import { Notifier } from "../control/notify/notifier.ts";
import { exec } from "../linux/exec.ts";
import { historyReport, stepFor } from "./historyreport.ts";
import { openRecorder, type Recorder } from "./recorder.ts";

/** What happens on the router: told to whoever wants to know, and kept. */
export class Chronicle {
  readonly events: Events;
  readonly #config: RouterConfig;
  readonly #recorder: Recorder;
  readonly #notifier: Notifier;
  readonly #cancels: (() => void)[] = [];

  constructor(config: RouterConfig, clock: Clock, log: Log) {
    this.#config = config;
    this.events = new Events((error) => log.error({ why: messageOf(error) }, "an event was not heard"));
    this.#recorder = openRecorder(config, clock, log, (event) => this.events.emit(event));
    this.#notifier = new Notifier({ config: config.notify, exec, clock, wallClock: Date.now, log });
  }

  start(): void {
    this.#cancels.push(
      this.events.subscribe((event) => this.#recorder.note(event)),
      this.events.subscribe(this.#notifier.take),
    );
    this.#recorder.start();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#notifier.stop();
    this.#recorder.stop();
  }

  /** To be called once a second with the WANs as they are. */
  look(wans: StatusReport["wans"]): void {
    this.#recorder.look(wans);
  }

  /** How the WANs fared. */
  history(query: HistoryQuery): HistoryReport {
    const step = stepFor(query, Date.now(), this.#config.history);
    return historyReport(query, step, (...asked) => this.#recorder.samples(...asked));
  }

  /** What happened. */
  eventsOf({ from, to, limit }: EventsQuery): EventsReport {
    return { events: [...this.#recorder.events({ from, to }, limit)] };
  }

  get problems(): StatusReport["problems"] {
    const remedy = "see the log; what the config's `notify` names must be there, and take what it is sent";
    return [
      ...this.#recorder.problems,
      ...this.#notifier.troubles.map(({ name, why }) => ({
        code: "event-not-told",
        message: `${name} was not told of an event: ${why}`,
        remedy,
      })),
    ];
  }
}

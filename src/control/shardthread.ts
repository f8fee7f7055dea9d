import { Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Orders } from "./messages.ts";
import type { Shard, ShardReport } from "./shard.ts";

/** What the main thread says to a shard: what is handed to it, and requests, each answered under its number. */
export type ToShard<Handover> =
  | { readonly type: "take"; readonly what: Handover }
  | { readonly type: "request"; readonly number: number; readonly request: ShardRequest };

export type ShardRequest =
  | { readonly type: "configure"; readonly orders: Orders }
  | { readonly type: "report?" }
  | { readonly type: "drain" }
  | { readonly type: "stop" };

/** What a shard says. */
export type FromShard<Event> =
  | { readonly type: "answer"; readonly number: number; readonly value: unknown }
  | { readonly type: "failed"; readonly number: number; readonly why: string }
  | { readonly type: "event"; readonly event: Event };

export interface ShardThreadOptions<Event> {
  /** What the thread runs, and what it gets as its `workerData`. */
  readonly entry: URL;
  readonly workerData: object;
  readonly clock: Clock;
  readonly onEvent: (event: Event) => void;
  /**
   * The thread is dead though nobody stopped it, and its flows with it. The process is to end: control starts another,
   * and half a process would serve half of the users in silence.
   */
  readonly onDied: (error: Error) => void;
}

/** How long a shard may take to end in good order (ms): control gives the whole process three seconds. */
const STOP_MS = 1500;

/**
 * A shard that owes an answer and has said nothing for so many ticks of a second hangs, and serves nobody. In ticks, not
 * in time: a process that was stopped and goes on is not to take its own sleep for its shards'.
 */
const TICK_MS = 1000;
const HANGS_AFTER_TICKS = 15;

/** A shard in a thread of its own, as the main thread sees it. */
export class ShardThread<Handover, Event> implements Shard {
  readonly #options: ShardThreadOptions<Event>;
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;
  readonly #requests = new Map<number, PromiseWithResolvers<unknown>>();
  #requested = 0;
  #stopping = false;
  readonly #cancelWatch: () => void;
  #silentTicks = 0;

  /** Starts the thread. */
  constructor(options: ShardThreadOptions<Event>) {
    this.#options = options;
    this.#worker = new Worker(options.entry, { workerData: options.workerData });
    this.#worker.on("message", (message: FromShard<Event>) => this.#onMessage(message));
    this.#cancelWatch = options.clock.every(TICK_MS, () => this.#watch());
    this.#exited = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.#worker.once("error", (error) => this.#died(error));
    this.#worker.once("exit", (code) =>
      this.#died(new SennitError("bug", "shard-ended", `a shard ended with ${code}`)),
    );
  }

  async configure(orders: Orders): Promise<void> {
    await this.#request({ type: "configure", orders });
  }

  async report(): Promise<ShardReport> {
    return (await this.#request({ type: "report?" })) as ShardReport;
  }

  async drain(): Promise<void> {
    await this.#request({ type: "drain" });
  }

  take(what: Handover): void {
    this.#post({ type: "take", what });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const cancel = this.#options.clock.after(STOP_MS, () => void this.#worker.terminate());
    this.#request({ type: "stop" }).catch(() => undefined);
    await this.#exited;
    cancel();
  }

  #request(request: ShardRequest): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    const number = ++this.#requested;
    this.#requests.set(number, answer);
    this.#post({ type: "request", number, request });
    return answer.promise;
  }

  #post(message: ToShard<Handover>): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(message);
  }

  #watch(): void {
    this.#silentTicks = this.#requests.size > 0 ? this.#silentTicks + 1 : 0;
    if (this.#silentTicks < HANGS_AFTER_TICKS) return;
    this.#died(new SennitError("bug", "shard-hangs", `no answer for ${HANGS_AFTER_TICKS} s`));
  }

  #onMessage(message: FromShard<Event>): void {
    this.#silentTicks = 0;
    if (message.type === "event") {
      this.#options.onEvent(message.event);
      return;
    }
    const answer = this.#requests.get(message.number);
    this.#requests.delete(message.number);
    if (message.type === "answer") answer?.resolve(message.value);
    else answer?.reject(new SennitError("kernel", "shard-failed", message.why));
  }

  #died(error: unknown): void {
    this.#cancelWatch();
    for (const answer of this.#requests.values()) answer.reject(error);
    this.#requests.clear();
    if (this.#stopping) return;
    this.#stopping = true;
    this.#options.onDied(
      new SennitError("bug", "shard-died", `a shard died: ${messageOf(error)}`, { cause: error }),
    );
  }
}

import { connect, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { JsonLines } from "./jsonlines.ts";
import {
  dataMessage,
  type DataHello,
  type DataMessage,
  type DataReport,
  type OrderMessage,
  type Orders,
} from "./messages.ts";

/** Orders that could not be carried out are tried again after this long (ms). */
const RETRY_ORDERS_MS = 2000;
const CONNECT_RETRY_MS = 50;

export interface DataLinkOptions {
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
  /** It has brought a report, or carried out orders, or said why not. */
  readonly onReport: (link: DataLink, report: DataReport) => void;
  readonly onConfigured: (link: DataLink) => void;
  readonly onRefused: (event: Extract<DataMessage, { readonly type: "refused" }>) => void;
  readonly onClosed: (link: DataLink) => void;
}

/** Control's end of the link to one data process, and what that said of itself. */
export class DataLink {
  readonly pid: number;
  /** Since when there is this link (ms of the clock). */
  readonly startedAt: number;
  readonly #options: DataLinkOptions;
  readonly #socket: Socket;
  readonly #lines: JsonLines;
  readonly #known = Promise.withResolvers<void>();
  readonly #doorClosed = Promise.withResolvers<void>();
  #hello: DataHello | undefined;
  #report: DataReport | undefined;
  #orders: Orders | undefined;
  #refusal: string | null = null;
  #phase: DataHello["phase"] = "new";
  #drainEnd: number | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(socket: Socket, options: DataLinkOptions) {
    this.#options = options;
    this.#socket = socket;
    this.pid = options.pid;
    this.startedAt = options.clock.now();
    this.#lines = new JsonLines(socket, (value) => this.#onValue(value));
    socket.on("error", (error) =>
      options.log.warn({ why: messageOf(error) }, "link to the data process broke"),
    );
    socket.on("close", () => {
      this.#cancelRetry?.();
      this.#known.resolve();
      this.#doorClosed.resolve();
      options.onClosed(this);
    });
  }

  /** Settles when it has said what it is and does, or is gone. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  /** The last report; undefined before the first. */
  get report(): DataReport | undefined {
    return this.#report;
  }

  /** Why the last orders could not be carried out; null where they were. */
  get refusal(): string | null {
    return this.#refusal;
  }

  get phase(): DataHello["phase"] {
    return this.#phase;
  }

  get version(): string | null {
    return this.#hello?.version ?? null;
  }

  /** How old the process is (ms). */
  get ageMs(): number {
    return (this.#hello?.ageMs ?? 0) + this.#options.clock.now() - this.startedAt;
  }

  /** How long it may go on (ms), while it drains. */
  get drainLeftMs(): number | null {
    return this.#drainEnd === undefined ? null : Math.max(0, this.#drainEnd - this.#options.clock.now());
  }

  /** Whether it is to be replaced: it is of another version than we are, or was told that it will be. */
  get isOutdated(): boolean {
    return this.#phase === "retired" || (this.#hello !== undefined && this.#hello.version !== VERSION);
  }

  configure(orders: Orders): void {
    this.#orders = orders;
    this.#say({ type: "configure", orders });
  }

  ask(): void {
    this.#say({ type: "report?" });
  }

  retire(): void {
    this.#phase = "retired";
    this.#say({ type: "retire" });
  }

  /** Settles when nothing new comes in there any more, or it is gone. */
  drain(limitMs: number): Promise<void> {
    this.#phase = "draining";
    this.#drainEnd = this.#options.clock.now() + limitMs;
    this.#say({ type: "drain", limitMs });
    return this.#doorClosed.promise;
  }

  stop(): void {
    this.#say({ type: "stop" });
  }

  /** Hangs up; the process goes on. */
  close(): void {
    this.#lines.close();
  }

  #say(message: OrderMessage): void {
    this.#lines.send(message);
  }

  #onValue(value: unknown): void {
    const parsed = dataMessage.safeParse(value);
    if (parsed.success) this.#onMessage(parsed.data);
    else if (this.version === null || this.version === VERSION)
      throw new SennitError("bug", "not-understood", "what the data process says makes no sense", {
        cause: parsed.error,
      });
    // One of another version: we do not learn what it does, and it goes on all the same.
    else this.#known.resolve();
  }

  #onMessage(message: DataMessage): void {
    switch (message.type) {
      case "hello":
        this.#onHello(message);
        return;
      case "changed":
        this.ask();
        return;
      case "configured":
        this.#onConfigured(message.error);
        return;
      case "report":
        this.#report = message.report;
        this.#options.onReport(this, message.report);
        this.#known.resolve();
        return;
      case "closed":
        this.#doorClosed.resolve();
        return;
      case "refused":
        this.#options.onRefused(message);
    }
  }

  #onHello(hello: DataHello): void {
    const { clock } = this.#options;
    this.#hello = hello;
    this.#phase = hello.phase;
    if (hello.drainLeftMs !== null) this.#drainEnd = clock.now() + hello.drainLeftMs;
    this.ask();
  }

  /** What the orders want may be taken (a port, for one) and free again later. */
  #onConfigured(error: string | null): void {
    this.#refusal = error;
    if (error === null && this.#phase === "new") this.#phase = "serving";
    this.#options.onConfigured(this);
    this.ask();
    if (error === null || this.#phase === "draining") return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(RETRY_ORDERS_MS, () => {
      if (this.#orders !== undefined) this.configure(this.#orders);
    });
  }
}

/** The socket, or undefined where nobody listens. */
export function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

export interface ConnectWithinOptions {
  readonly limitMs: number;
  readonly clock: Clock;
  readonly giveUp: () => boolean;
}

/** The same, tried again until somebody listens, for so long. */
export async function connectWithin(
  path: string,
  { limitMs, clock, giveUp }: ConnectWithinOptions,
): Promise<Socket | undefined> {
  const end = clock.now() + limitMs;
  while (clock.now() < end && !giveUp()) {
    const socket = await tryConnect(path);
    if (socket !== undefined) return socket;
    await new Promise<void>((resolve) => clock.after(CONNECT_RETRY_MS, resolve));
  }
  return undefined;
}

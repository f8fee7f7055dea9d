import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { JsonLines } from "./jsonlines.ts";
import {
  orderMessage,
  type DataHello,
  type DataMessage,
  type DataReport,
  type OrderMessage,
  type Orders,
} from "./messages.ts";

/** What a data process does; both roles have one. */
export interface DataPlane {
  /** Carries out new orders without touching what they leave as it is. */
  configure(orders: Orders): Promise<void>;
  report(): DataReport | Promise<DataReport>;
  /** Takes nothing new in from now on, and goes on with the flows there are; resolves when nothing new can come. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export interface DataHostOptions {
  readonly role: "router" | "server";
  readonly socket: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the plane; `tell` sends an event to control, if it listens. */
  readonly createPlane: (tell: (event: DataMessage) => void) => DataPlane;
}

/** Milliseconds between looks whether a process that drains has flows left. */
const DRAIN_LOOK_MS = 500;
/**
 * How long a server's process that drains stays for routers that have no flows there, but no other process to go to yet
 * (ms): they start one first. Gone too early, it would leave them without any carrier for a moment.
 */
const FOLLOW_MS = 30_000;

/**
 * The frame of a data process: takes orders from control over a Unix socket. Control may die and come back as often
 * as it likes; a new connection replaces the old one, and traffic goes on meanwhile. Without control and without orders
 * carried out it is nobody's, and ends.
 */
export class DataHost {
  readonly #options: DataHostOptions;
  readonly #plane: DataPlane;
  readonly #server: Server;
  readonly #stopped: Promise<void>;
  readonly #startedAt: number;
  #finish: () => void = () => undefined;
  #control: JsonLines | undefined;
  #phase: DataHello["phase"] = "new";
  /** While it drains: when that has to end. */
  #drainEnd: number | undefined;
  readonly #timers: (() => void)[] = [];
  /** Who waits for a report that was not begun yet. */
  #asking: JsonLines | undefined;
  #reporting = false;
  /** Orders are carried out one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: DataHostOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#plane = options.createPlane((event) => this.#control?.send(event));
    this.#stopped = new Promise((resolve) => (this.#finish = resolve));
    this.#server = createServer((socket) => {
      socket.on("error", (error) => options.log.debug({ why: messageOf(error) }, "control connection broke"));
      this.#control?.close();
      const control = new JsonLines(socket, (message) => this.#onMessage(control, message));
      this.#control = control;
      socket.on("close", () => this.#onLost(control));
      control.send(this.#hello());
    });
  }

  /** Listens, and resolves when the process is to end. */
  async run(): Promise<void> {
    const { socket } = this.#options;
    // It has our pid: what stands there belongs to one that died.
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    await this.#stopped;
    for (const cancel of this.#timers) cancel();
    await this.#plane.stop();
    this.#control?.close();
    this.#server.close();
  }

  /** Ends the process in good order. */
  stop(): void {
    this.#finish();
  }

  #hello(): DataHello {
    const { clock, role } = this.#options;
    const now = clock.now();
    return {
      type: "hello",
      version: VERSION,
      role,
      pid: process.pid,
      phase: this.#phase,
      ageMs: now - this.#startedAt,
      drainLeftMs: this.#drainEnd === undefined ? null : Math.max(0, this.#drainEnd - now),
    };
  }

  #onMessage(control: JsonLines, value: unknown): void {
    const parsed = orderMessage.safeParse(value);
    if (!parsed.success) {
      const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
      // Hung up on, control would only come back and say the same.
      this.#refuse(control, `not understood: ${issues.join("; ")}`);
      return;
    }
    this.#obey(control, parsed.data);
  }

  #obey(control: JsonLines, message: OrderMessage): void {
    switch (message.type) {
      case "report?":
        this.#asking = control;
        if (!this.#reporting) void this.#answer();
        return;
      case "stop":
        this.stop();
        return;
      case "retire":
        if (this.#phase !== "draining") this.#phase = "retired";
        return;
      case "drain":
        void this.#drain(message.limitMs);
        return;
      case "configure":
        this.#work = this.#work.then(() => this.#configure(control, message.orders));
    }
  }

  /** One report at a time; what is asked meanwhile is answered by one more, which tells of everything up to then. */
  async #answer(): Promise<void> {
    this.#reporting = true;
    for (let control = this.#takeAsking(); control !== undefined; control = this.#takeAsking()) {
      try {
        control.send({ type: "report", report: await this.#plane.report() });
      } catch (error) {
        // A part that is ending, or has failed, reports no more; whoever watches it acts on that.
        this.#options.log.warn({ why: messageOf(error) }, "no report");
      }
    }
    this.#reporting = false;
  }

  #takeAsking(): JsonLines | undefined {
    const control = this.#asking;
    this.#asking = undefined;
    return control;
  }

  #onLost(control: JsonLines): void {
    if (this.#control !== control) return;
    this.#control = undefined;
    if (this.#phase === "new") this.stop();
  }

  async #configure(control: JsonLines, orders: Orders): Promise<void> {
    try {
      await this.#plane.configure(orders);
      if (this.#phase === "new") this.#phase = "serving";
      control.send({ type: "configured", error: null });
    } catch (error) {
      this.#refuse(control, messageOf(error));
    }
  }

  /** Without control too: whoever gave the order may be gone meanwhile. */
  async #drain(limitMs: number): Promise<void> {
    if (this.#phase === "draining") return;
    const { clock, log } = this.#options;
    this.#phase = "draining";
    this.#drainEnd = clock.now() + limitMs;
    log.info({ limitMs }, "draining: nothing new is taken in");
    this.#timers.push(clock.after(limitMs, () => this.stop()));
    await this.#work;
    // What fails to drain ends at its limit at the latest.
    await this.#plane
      .drain()
      .catch((error: unknown) => log.error({ why: messageOf(error) }, "still takes in what is new"));
    this.#control?.send({ type: "closed" });
    const followEnd = clock.now() + FOLLOW_MS;
    this.#timers.push(clock.every(DRAIN_LOOK_MS, () => void this.#endIfEmpty(followEnd)));
  }

  async #endIfEmpty(followEnd: number): Promise<void> {
    const { role, clock, log } = this.#options;
    try {
      const { sessions } = await this.#plane.report();
      const waits = role === "server" && clock.now() < followEnd;
      const isUsed = sessions.some(
        ({ flows, carriers, peerLeaves }) => flows > 0 || (waits && carriers.length > 0 && !peerLeaves),
      );
      if (isUsed) return;
      log.info({}, "drained");
      this.stop();
    } catch (error) {
      log.warn({ why: messageOf(error) }, "not known whether it is drained");
    }
  }

  #refuse(control: JsonLines, why: string): void {
    this.#options.log.error({ why }, "orders not carried out");
    control.send({ type: "configured", error: why });
  }
}

import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { JsonLines } from "./jsonlines.ts";
import { orderMessage, type DataMessage, type DataReport, type Orders } from "./messages.ts";

/** What a data process does; both roles have one. */
export interface DataPlane {
  /** Carries out new orders without touching what they leave as it is. */
  configure(orders: Orders): Promise<void>;
  report(): DataReport | Promise<DataReport>;
  stop(): Promise<void>;
}

export interface DataHostOptions {
  readonly role: "router" | "server";
  readonly socket: string;
  readonly log: Log;
  /** Makes the plane; `tell` sends an event to control, if it listens. */
  readonly createPlane: (tell: (event: DataMessage) => void) => DataPlane;
}

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
  #finish: () => void = () => undefined;
  #control: JsonLines | undefined;
  #working = false;
  /** Orders are carried out one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: DataHostOptions) {
    this.#options = options;
    this.#plane = options.createPlane((event) => this.#control?.send(event));
    this.#stopped = new Promise((resolve) => (this.#finish = resolve));
    this.#server = createServer((socket) => {
      socket.on("error", (error) => options.log.debug({ why: messageOf(error) }, "control connection broke"));
      this.#control?.close();
      const control = new JsonLines(socket, (message) => this.#onMessage(control, message));
      this.#control = control;
      socket.on("close", () => this.#onLost(control));
      control.send({ type: "hello", version: VERSION, role: options.role, pid: process.pid });
    });
  }

  /** Listens, and resolves when the process is to end. */
  async run(): Promise<void> {
    const { socket } = this.#options;
    // Control starts one data process at a time: what stands there belongs to one that died.
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    await this.#stopped;
    await this.#plane.stop();
    this.#control?.close();
    this.#server.close();
  }

  /** Ends the process in good order. */
  stop(): void {
    this.#finish();
  }

  #onMessage(control: JsonLines, value: unknown): void {
    const parsed = orderMessage.safeParse(value);
    if (!parsed.success) {
      const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
      // Hung up on, control would only come back and say the same.
      this.#refuse(control, `not understood: ${issues.join("; ")}`);
      return;
    }
    const message = parsed.data;
    switch (message.type) {
      case "report?":
        void this.#report(control);
        return;
      case "stop":
        this.stop();
        return;
      case "configure":
        this.#work = this.#work.then(() => this.#configure(control, message.orders));
    }
  }

  #onLost(control: JsonLines): void {
    if (this.#control !== control) return;
    this.#control = undefined;
    if (!this.#working) this.stop();
  }

  async #configure(control: JsonLines, orders: Orders): Promise<void> {
    try {
      await this.#plane.configure(orders);
      this.#working = true;
      control.send({ type: "configured", error: null });
    } catch (error) {
      this.#refuse(control, messageOf(error));
    }
  }

  async #report(control: JsonLines): Promise<void> {
    control.send({ type: "report", report: await this.#plane.report() });
  }

  #refuse(control: JsonLines, why: string): void {
    this.#options.log.error({ why }, "orders not carried out");
    control.send({ type: "configured", error: why });
  }
}

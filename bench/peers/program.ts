import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../../src/base/errors.ts";
import type { Lab } from "../../src/lab/lab.ts";
import type { Child } from "../../src/linux/process.ts";

/** A program that is not up by then has failed: the peers take some milliseconds. */
const READY_LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 20;
/** Programs that do not end by themselves by then are killed. */
const STOP_LIMIT_MS = 2_000;
/** Of a program's log, what is told when it fails. */
const LOG_TAIL_CHARACTERS = 600;

/** A peer's program at work on a host of the lab; the end of what it says is kept. */
export class Program {
  readonly #lab: Lab;
  readonly #host: string;
  readonly #name: string;
  readonly #child: Child;
  #log = "";
  #ended = false;

  private constructor(lab: Lab, host: string, name: string, child: Child) {
    this.#lab = lab;
    this.#host = host;
    this.#name = name;
    this.#child = child;
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
    for (const stream of streams) {
      stream.on("data", (chunk) => (this.#log = (this.#log + String(chunk)).slice(-LOG_TAIL_CHARACTERS)));
    }
    // What it said last may come after its end.
    const silences = streams.map((stream) => once(stream, "close"));
    void Promise.all([child.exited, ...silences]).then(() => (this.#ended = true));
  }

  static async start(lab: Lab, host: string, argv: readonly [string, ...string[]]): Promise<Program> {
    const child = await lab.start(host, argv, { stdio: ["ignore", "pipe", "pipe"] });
    return new Program(lab, host, argv.find((word) => !["mptcpize", "run"].includes(word)) ?? "", child);
  }

  /** Settles when something listens on that TCP port of the host. Throws `bench-program`. */
  async listens(port: number): Promise<void> {
    const end = performance.now() + READY_LIMIT_MS;
    for (;;) {
      const { stdout } = await this.#lab.exec(this.#host)(["ss", "-Hltn", `sport = :${port}`]);
      if (stdout !== "") return;
      if (this.#ended || performance.now() > end) throw this.failure(`does not listen on port ${port}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** An error that says what the program said last. */
  failure(what: string): SennitError {
    const words = this.#log.trim();
    const ended = this.#ended ? " and has ended" : "";
    return new SennitError(
      "peer",
      "bench-program",
      `${this.#name} on ${this.#host} ${what}${ended}${words === "" ? "" : `; it said: ${words}`}`,
    );
  }

  get log(): string {
    return this.#log;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), STOP_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(late);
  }
}

import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { messageOf, SennitError } from "../../src/base/errors.ts";
import type { Lab } from "../../src/lab/lab.ts";
import type { Child } from "../../src/linux/process.ts";

/** Of what a helper complains, what is told. */
const COMPLAINT_CHARACTERS = 600;

/**
 * A program of ours on a host of the lab that does what it is told: one JSON line in, one JSON line out. It ends when its
 * standard input does.
 */
export class Helper {
  readonly #child: Child;
  readonly #lines: AsyncIterator<string>;
  readonly #host: string;
  #complaint = "";

  private constructor(child: Child, lines: Interface, host: string) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
    this.#host = host;
    child.stderr?.on("data", (chunk) => {
      this.#complaint = (this.#complaint + String(chunk)).slice(-COMPLAINT_CHARACTERS);
    });
  }

  /** Starts `bench/load/NAME.ts`; `wrapper` comes before its command line. */
  static async start(lab: Lab, host: string, name: string, wrapper: readonly string[] = []): Promise<Helper> {
    const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
    const [program, ...args] = [...wrapper, process.execPath, ...process.execArgv, file];
    const child = await lab.start(host, [program, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    if (child.stdout === null) throw new SennitError("bug", "bench-helper", "a helper without a voice");
    // It was killed with its lab while it was being told something: its silence is the answer.
    child.stdin?.on("error", () => undefined);
    return new Helper(child, createInterface({ input: child.stdout }), host);
  }

  /** Tells it what to do, and waits for the answer, however long it takes. Throws `bench-load` when it fails. */
  async ask<T>(errand: object, answer: z.ZodType<T>): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(errand)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) {
      await this.#child.exited;
      throw new SennitError("network", "bench-load", `the load on ${this.#host}: ${this.#complaint.trim()}`);
    }
    return answer.parse(JSON.parse(line.value));
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** The helper's side: `answer` does one errand after the other. What it throws is the program's complaint, and its end. */
export async function serveErrands<T>(
  errand: z.ZodType<T>,
  answer: (errand: T) => Promise<object>,
): Promise<void> {
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      process.stdout.write(`${JSON.stringify(await answer(errand.parse(JSON.parse(line))))}\n`);
    }
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
  // Connections that are still open would keep it.
  process.exit();
}

import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../../src/base/errors.ts";
import { nowMs } from "./timeline.ts";

/** Many connections that are quiet: an echo on the web host, and users who keep them open. */

export const ECHO_PORT = 7;

export const flowsErrand = z.discriminatedUnion("kind", [
  /** Opens so many, so many at a time; over each one goes `bytes` there and back. */
  z.strictObject({
    kind: z.literal("open"),
    address: z.string(),
    seenAs: z.string(),
    count: z.int().positive(),
    together: z.int().positive(),
    bytes: z.int().positive(),
  }),
  /** Sends something over every n-th of those that are open, and waits for it to come back. */
  z.strictObject({ kind: z.literal("check"), every: z.int().positive(), bytes: z.int().positive() }),
  /** Sends something over all of them at the same moment, and waits for all of it. */
  z.strictObject({ kind: z.literal("burst"), bytes: z.int().positive() }),
  /** Sends something over each of them again and again, never over two at the same moment, for so long. */
  z.strictObject({
    kind: z.literal("chat"),
    bytes: z.int().positive(),
    everyMs: z.number().positive(),
    ms: z.number().positive(),
  }),
]);
export type FlowsErrand = z.output<typeof flowsErrand>;

export const flowsAnswer = z.strictObject({
  /** Flows that are open. */
  open: z.int(),
  /** Times that bytes came back as they should, this time. */
  answered: z.int(),
  /** Flows that failed this time; why is told of the first. */
  failed: z.int(),
  why: z.string().nullable(),
  /** When bytes came back last, by `nowMs()`. */
  lastMs: z.number(),
});
export type FlowsAnswer = z.output<typeof flowsAnswer>;

/** Nothing in the lab is as slow, even when ten thousand flows are opened at once. */
const LIMIT_MS = 20_000;

/** Tells everyone as whom it sees them, then sends back what comes. */
export function createEcho(): Server {
  return createServer({ allowHalfOpen: false }, (socket) => {
    socket.on("error", () => undefined);
    socket.write(`${(socket.remoteAddress ?? "").replace(/^::ffff:/, "")}\n`);
    socket.pipe(socket);
  });
}

/** The users: remembers what is open from errand to errand. */
export class Flows {
  readonly #open = new Set<Socket>();
  #tally = tally();

  async run(errand: FlowsErrand): Promise<FlowsAnswer> {
    this.#tally = tally();
    if (errand.kind === "open") await this.#add(errand);
    else if (errand.kind === "check") await this.#check(errand);
    else if (errand.kind === "burst")
      await Promise.all([...this.#open].map((socket) => this.#exchange(socket, errand.bytes)));
    else await this.#chat(errand);
    return { open: this.#open.size, ...this.#tally };
  }

  async #add({ address, seenAs, count, together, bytes }: FlowsErrand & { kind: "open" }): Promise<void> {
    let left = count;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const socket = connect({ host: address, port: ECHO_PORT });
        this.#open.add(socket);
        socket.on("error", () => undefined).once("close", () => this.#open.delete(socket));
        await this.#exchange(socket, bytes, `${seenAs}\n`);
      }
    };
    await Promise.all(Array.from({ length: together }, work));
  }

  async #check({ every, bytes }: FlowsErrand & { kind: "check" }): Promise<void> {
    const sample = [...this.#open].filter((_, index) => index % every === 0);
    for (const socket of sample) await this.#exchange(socket, bytes);
  }

  async #chat({ bytes, everyMs, ms }: FlowsErrand & { kind: "chat" }): Promise<void> {
    const end = nowMs() + ms;
    const sockets = [...this.#open];
    const talk = async (socket: Socket, index: number): Promise<void> => {
      await sleep((everyMs * index) / sockets.length);
      for (let next = nowMs(); next < end && !socket.destroyed; next += everyMs) {
        await sleep(Math.max(0, next - nowMs()));
        await this.#exchange(socket, bytes);
      }
    };
    await Promise.all(sockets.map(talk));
  }

  /** Sends that many bytes, and expects them back after the greeting; a flow that fails is counted, and is none any more. */
  async #exchange(socket: Socket, length: number, greeting = ""): Promise<void> {
    try {
      await exchange(socket, length, greeting);
      this.#tally.answered++;
      this.#tally.lastMs = nowMs();
    } catch (error) {
      socket.destroy();
      this.#open.delete(socket);
      this.#tally.failed++;
      this.#tally.why ??= messageOf(error);
    }
  }
}

/** What came of one errand. */
type Tally = Omit<FlowsAnswer, "open">;
const tally = (): Tally => ({ answered: 0, failed: 0, why: null, lastMs: 0 });

async function exchange(socket: Socket, length: number, greeting: string): Promise<void> {
  const bytes = Buffer.alloc(length, "sennit");
  socket.write(bytes);
  await expect(socket, Buffer.concat([Buffer.from(greeting), bytes]));
}

/** Waits for exactly these bytes. */
async function expect(socket: Socket, wanted: Buffer): Promise<void> {
  const silence = setTimeout(
    () => socket.destroy(new Error(`a flow is silent for ${LIMIT_MS} ms`)),
    LIMIT_MS,
  );
  let got: Buffer = Buffer.alloc(0);
  while (got.length < wanted.length && !socket.destroyed && !socket.readableEnded) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await change(socket);
    else got = Buffer.concat([got, chunk]);
  }
  clearTimeout(silence);
  if (got.equals(wanted)) return;
  const why = socket.errored === null ? "" : `: ${socket.errored.message}`;
  throw new Error(`a flow brought ${JSON.stringify(got.toString("latin1").slice(0, 60))}${why}`);
}

/** Settles when there is something to read, or never will be again. */
function change(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("readable", done).off("close", done);
      resolve();
    };
    socket.on("readable", done).on("close", done);
  });
}

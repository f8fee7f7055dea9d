import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { z } from "zod";

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
]);
export type FlowsErrand = z.output<typeof flowsErrand>;

export const flowsAnswer = z.strictObject({
  /** Flows that are open. */
  open: z.int(),
  /** Flows that the bytes came back on, this time. */
  answered: z.int(),
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

  async run(errand: FlowsErrand): Promise<FlowsAnswer> {
    const answered = errand.kind === "open" ? await this.#add(errand) : await this.#check(errand);
    return { open: this.#open.size, answered };
  }

  async #add({ address, seenAs, count, together, bytes }: FlowsErrand & { kind: "open" }): Promise<number> {
    let left = count;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const socket = connect({ host: address, port: ECHO_PORT });
        this.#open.add(socket);
        socket.on("error", () => undefined).once("close", () => this.#open.delete(socket));
        await expect(socket, Buffer.from(`${seenAs}\n`));
        await exchange(socket, bytes);
      }
    };
    await Promise.all(Array.from({ length: together }, work));
    return count;
  }

  async #check({ every, bytes }: FlowsErrand & { kind: "check" }): Promise<number> {
    const sample = [...this.#open].filter((_, index) => index % every === 0);
    for (const socket of sample) await exchange(socket, bytes);
    return sample.length;
  }
}

async function exchange(socket: Socket, length: number): Promise<void> {
  const bytes = Buffer.alloc(length, "sennit");
  socket.write(bytes);
  await expect(socket, bytes);
}

/** Waits for exactly these bytes. */
async function expect(socket: Socket, wanted: Buffer): Promise<void> {
  const silence = setTimeout(
    () => socket.destroy(new Error(`a flow is silent for ${LIMIT_MS} ms`)),
    LIMIT_MS,
  );
  let got: Buffer = Buffer.alloc(0);
  while (got.length < wanted.length && !socket.destroyed) {
    await once(socket, "readable");
    const chunk = socket.read() as Buffer | null;
    if (chunk === null && socket.readableEnded) break;
    if (chunk !== null) got = Buffer.concat([got, chunk]);
  }
  clearTimeout(silence);
  if (!got.equals(wanted))
    throw new Error(`a flow brought ${JSON.stringify(got.toString("latin1").slice(0, 60))}`);
}

import { createHash } from "node:crypto";
import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Readable } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { seededBytes } from "../../src/lab/services/bytes.ts";
import type { Sockets } from "../../src/linux/sockets.ts";

/** Longer than any test waits for one answer. */
const CONNECT_MS = 10_000;

/** Who asks whom. */
export interface Ask {
  readonly from: Sockets;
  readonly to: string;
  /** One of the users' addresses; the first unless told. */
  readonly as?: string;
}

/** How far a transfer has come. */
export interface Progress {
  bytes: number;
}

export interface Received {
  readonly bytes: number;
  readonly sha256: string;
}

/** Asks for a page; the answer is not read yet. */
export async function get(ask: Ask, path: string): Promise<IncomingMessage> {
  return answerOf(await open(ask, { path }));
}

/** Who asked, as the web host's `/hello` saw it. */
export async function hello(ask: Ask): Promise<string> {
  const text = await textOf(await get(ask, "/hello"));
  const [, who] = /^hello (\S+)\n$/.exec(text) ?? [];
  if (who === undefined) throw new Error(`/hello answered ${JSON.stringify(text)}`);
  return who;
}

/** Reads the web host's `/bytes/N?seed=S` to its end. */
export async function download(
  ask: Ask,
  bytes: number,
  seed: string,
  progress: Progress = { bytes: 0 },
): Promise<Received> {
  const answer = await get(ask, `/bytes/${bytes}?seed=${seed}`);
  const hash = createHash("sha256");
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    hash.update(chunk);
    progress.bytes += chunk.length;
  }
  return { bytes: progress.bytes, sha256: hash.digest("hex") };
}

/** Sends that many seeded bytes to `/upload`; what arrived there. */
export async function upload(
  ask: Ask,
  bytes: number,
  seed: string,
  progress: Progress = { bytes: 0 },
): Promise<Received> {
  const outgoing = await open(ask, { path: "/upload", method: "POST", headers: { "content-length": bytes } });
  const counted = function* (): Generator<Buffer> {
    for (const chunk of seededBytes(bytes, seed)) {
      yield chunk;
      progress.bytes += chunk.length;
    }
  };
  const answered = answerOf(outgoing).then(textOf);
  const [text] = await Promise.all([answered, pipeline(Readable.from(counted()), outgoing)]);
  return JSON.parse(text) as Received;
}

async function open({ from, to, as }: Ask, options: RequestOptions): Promise<ClientRequest> {
  const { stream } = await from.dial({
    transport: "tcp",
    remote: { address: to, port: 80 },
    timeoutMs: CONNECT_MS,
    ...(as !== undefined && { localAddress: as }),
  });
  const outgoing = request({ ...options, host: "web", createConnection: () => stream });
  // Whoever waits for the answer hears of it there, too; a test that has failed leaves transfers that nobody waits for.
  return outgoing.on("error", () => undefined);
}

/** Rejects when the connection breaks, and on any status but 200. */
async function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  if (outgoing.method === "GET") outgoing.end();
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`${outgoing.path} answered ${answer.statusCode}`);
  return answer;
}

import { request, type IncomingMessage } from "node:http";
import type { Connection } from "../../linux/sockets.ts";
import { kernelSockets } from "../../linux/kernelsockets.ts";
import { Meter, type Measured } from "./meter.ts";

/**
 * What a user of the demo does, as a program of its own in the namespace of the user's host. It is told by one JSON
 * argument and answers in JSON lines: the progress ten times a second, then the result.
 */
export type Errand =
  | {
      readonly kind: "download";
      readonly web: string;
      readonly bytes: number;
      readonly seed: string;
      readonly localAddress?: string;
      /** Bind to this device: the way of a plain TCP connection over one WAN. */
      readonly device?: string;
    }
  | {
      /** A short page for every user, some at a time. */
      readonly kind: "pages";
      readonly web: string;
      readonly localAddresses: readonly string[];
      readonly together: number;
    };

export type UserLine =
  | { readonly type: "progress"; readonly bytes: number }
  | ({ readonly type: "downloaded" } & Measured)
  | { readonly type: "pages"; readonly answered: number; readonly slowestMs: number };

const PROGRESS_EVERY_MS = 100;
const CONNECT_MS = 10_000;

/** Does the errand; `say` gets the lines. Rejects when the web host does not answer as it should. */
export async function runErrand(errand: Errand, say: (line: UserLine) => void): Promise<void> {
  if (errand.kind === "download") await download(errand, say);
  else await pages(errand, say);
}

async function download(errand: Errand & { kind: "download" }, say: (line: UserLine) => void): Promise<void> {
  const { web, bytes, seed } = errand;
  const meter = new Meter(bytes, seed, performance.now());
  const response = await get(web, `/bytes/${bytes}?seed=${seed}`, errand);
  const progress = setInterval(() => say({ type: "progress", bytes: meter.bytes }), PROGRESS_EVERY_MS);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) meter.take(chunk, performance.now());
  } finally {
    clearInterval(progress);
  }
  say({ type: "downloaded", ...meter.result() });
}

async function pages(errand: Errand & { kind: "pages" }, say: (line: UserLine) => void): Promise<void> {
  let answered = 0;
  let slowestMs = 0;
  const waiting = [...errand.localAddresses];
  const work = async (): Promise<void> => {
    for (let localAddress = waiting.pop(); localAddress !== undefined; localAddress = waiting.pop()) {
      const startedAt = performance.now();
      let text = "";
      for await (const chunk of await get(errand.web, "/hello", { localAddress })) text += String(chunk);
      if (text.startsWith("hello ")) answered++;
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: errand.together }, work));
  say({ type: "pages", answered, slowestMs: Math.round(slowestMs) });
}

interface From {
  readonly localAddress?: string;
  readonly device?: string;
}

async function get(web: string, path: string, { localAddress, device }: From): Promise<IncomingMessage> {
  const connection: Connection = await kernelSockets().dial({
    transport: "tcp",
    remote: { address: web, port: 80 },
    timeoutMs: CONNECT_MS,
    ...(localAddress !== undefined && { localAddress }),
    ...(device !== undefined && { device }),
  });
  const headers = { connection: "close" };
  return new Promise((resolve, reject) => {
    const asked = request({ host: web, path, headers, createConnection: () => connection.stream }, resolve);
    asked.on("error", reject);
    asked.end();
  });
}

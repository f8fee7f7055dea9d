import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { seededBytes } from "./bytes.ts";

/** More is a slip of the finger. */
const MAX_BYTES = 1024 ** 4;
const USAGE = "GET /hello, GET /bytes/N?seed=S, POST /upload\n";

/**
 * The web host of the labs:
 *
 *     GET  /hello           "hello ADDRESS": who asks, as seen here
 *     GET  /bytes/N?seed=S  N bytes that depend on S only (see bytes.ts)
 *     POST /upload          {"bytes": N, "sha256": "..."} of what was sent
 */
export function createWeb(): Server {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  // A client may close its side after asking; Node's documented interface cannot say so.
  Object.assign(server, { httpAllowHalfOpen: true });
  // An upload through a slow link takes as long as it takes.
  server.requestTimeout = 0;
  return server;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://web");
  const [, size] = /^\/bytes\/(\d{1,13})$/.exec(url.pathname) ?? [];
  if (url.pathname === "/hello") {
    const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    response.end(`hello ${address}\n`);
  } else if (size !== undefined && Number(size) <= MAX_BYTES)
    await sendBytes(response, Number(size), url.searchParams.get("seed") ?? "");
  else if (url.pathname === "/upload") await takeUpload(request, response);
  else response.writeHead(404).end(USAGE);
}

async function sendBytes(response: ServerResponse, length: number, seed: string): Promise<void> {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": length });
  await pipeline(Readable.from(seededBytes(length, seed)), response);
}

async function takeUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(`${JSON.stringify({ bytes: size, sha256: hash.digest("hex") })}\n`);
}

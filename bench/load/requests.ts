import { connect, type Socket } from "node:net";
import { z } from "zod";
import { quantile } from "../statistics.ts";

/** HTTP requests, each on a connection of its own, as the helper `requests-main.ts` makes them. */

export const requestsErrand = z.strictObject({
  address: z.string(),
  /** As whom the web host must see the one who asks: tells which way the request went. */
  seenAs: z.string(),
  /** Connections at a time. */
  together: z.int().positive(),
  /** It ends after as many, or as soon as so much time has passed, whichever is first. */
  count: z.int().positive(),
  ms: z.number().positive(),
});
export type RequestsErrand = z.output<typeof requestsErrand>;

export const requestsAnswer = z.strictObject({
  answered: z.int(),
  /** From the first SYN to the last connection closed. */
  ms: z.number(),
  /** From connect() to the first byte of the answer. */
  firstByteMs: z.strictObject({ p50: z.number(), p99: z.number() }),
});
export type RequestsAnswer = z.output<typeof requestsAnswer>;

const PORT = 80;
const REQUEST = "GET /hello HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
/** Nothing in the lab is as slow; what hangs must not hang the measurement. */
const LIMIT_MS = 10_000;

/** Does one errand. Rejects as soon as one request is not answered as it must be. */
export async function makeRequests(errand: RequestsErrand): Promise<RequestsAnswer> {
  const startedAt = performance.now();
  const end = startedAt + errand.ms;
  const times: number[] = [];
  let left = errand.count;
  const work = async (): Promise<void> => {
    while (left-- > 0 && performance.now() < end) times.push(await request(errand));
  };
  await Promise.all(Array.from({ length: errand.together }, work));
  const firstByteMs = { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  return { answered: times.length, ms: performance.now() - startedAt, firstByteMs };
}

/** Milliseconds until the first byte; settles when the connection is closed. */
function request({ address, seenAs }: RequestsErrand): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let firstByteMs: number | undefined;
    let text = "";
    const socket: Socket = connect({ host: address, port: PORT, noDelay: true });
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer in ${LIMIT_MS} ms`)));
    socket.write(REQUEST);
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      firstByteMs ??= performance.now() - startedAt;
      text += String(chunk);
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (firstByteMs !== undefined && text.startsWith("HTTP/1.1 200 ") && text.includes(`hello ${seenAs}\n`))
        resolve(firstByteMs);
      else reject(new Error(`not the answer that ${seenAs} gets: ${JSON.stringify(text.slice(-200))}`));
    });
  });
}

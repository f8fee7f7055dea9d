import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../../src/base/errors.ts";
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
  /** How many begin in a second, however long the others take; then `together` does not count. */
  perSecond: z.number().positive().optional(),
});
export type RequestsErrand = z.output<typeof requestsErrand>;

export const requestsAnswer = z.strictObject({
  answered: z.int(),
  /** Requests that were not answered as they must be, and why the first of them; only where they begin in time. */
  failed: z.int(),
  why: z.string().nullable(),
  /** From the first SYN to the last connection closed. */
  ms: z.number(),
  /** From connect() to the first byte of the answer. */
  firstByteMs: z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() }),
});
export type RequestsAnswer = z.output<typeof requestsAnswer>;

const PORT = 80;
const REQUEST = "GET /hello HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
/** Nothing in the lab is as slow; what hangs must not hang the measurement. */
const LIMIT_MS = 10_000;

/** Does one errand. Rejects as soon as one request is not answered as it must be, but where they begin in time. */
export async function makeRequests(errand: RequestsErrand): Promise<RequestsAnswer> {
  const startedAt = performance.now();
  const { times, failed, why } = await (errand.perSecond === undefined
    ? inTurn(errand)
    : inTime(errand, errand.perSecond));
  const [p50, p95, p99] = [quantile(times, 0.5), quantile(times, 0.95), quantile(times, 0.99)];
  const ms = performance.now() - startedAt;
  return { answered: times.length, failed, why, ms, firstByteMs: { p50, p95, p99 } };
}

interface Made {
  /** Until each first byte (ms). */
  readonly times: number[];
  readonly failed: number;
  readonly why: string | null;
}

/** A new one as soon as one is done. */
async function inTurn(errand: RequestsErrand): Promise<Made> {
  const end = performance.now() + errand.ms;
  const times: number[] = [];
  let left = errand.count;
  const work = async (): Promise<void> => {
    while (left-- > 0 && performance.now() < end) times.push(await request(errand));
  };
  await Promise.all(Array.from({ length: errand.together }, work));
  return { times, failed: 0, why: null };
}

/** A new one when its time has come. */
async function inTime(errand: RequestsErrand, perSecond: number): Promise<Made> {
  const startedAt = performance.now();
  const count = Math.min(errand.count, Math.floor((errand.ms * perSecond) / 1000));
  const begin = async (_: unknown, index: number): Promise<number> => {
    await sleep(Math.max(0, startedAt + (index * 1000) / perSecond - performance.now()));
    return request(errand);
  };
  const made = await Promise.allSettled(Array.from({ length: count }, begin));
  const times = made.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const reasons = made.flatMap((one) => (one.status === "rejected" ? messageOf(one.reason) : []));
  return { times, failed: reasons.length, why: reasons[0] ?? null };
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

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/base/errors.ts";
import type { Random } from "../../src/lab/link/random.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { download, hello, upload, type Ask } from "../e2e/http.ts";
import { echoSession } from "./echo.ts";
import type { Tally } from "./tally.ts";

const DOWNLOAD_BYTES = 6_000_000;
const UPLOAD_BYTES = 2_000_000;
const SMALLEST_BYTES = 20_000;
const DOWNLOADERS = 2;
const ECHO_SESSIONS = 3;
/** Between short requests, and after a refusal (ms). */
const PAUSE_MS = 200;

/** Users at work until told to stop: downloads, an upload, short requests, and sessions that last all the time. */
export async function work(ask: Ask, random: Random, tally: Tally, signal: AbortSignal): Promise<void> {
  let count = 0;
  const loops: Promise<void>[] = [];
  for (let user = 0; user < DOWNLOADERS; user++) {
    loops.push(
      again(signal, async () => {
        const [bytes, seed] = [size(random, DOWNLOAD_BYTES), `down-${count++}`];
        await transfer(tally, { what: `download ${seed}`, bytes, seed, by: download, ask });
      }),
    );
  }
  loops.push(
    again(signal, async () => {
      const [bytes, seed] = [size(random, UPLOAD_BYTES), `up-${count++}`];
      await transfer(tally, { what: `upload ${seed}`, bytes, seed, by: upload, ask });
    }),
    again(signal, async () => {
      await hello(ask).then(
        () => tally.done++,
        () => tally.refused++,
      );
      await sleep(PAUSE_MS);
    }),
  );
  for (let user = 0; user < ECHO_SESSIONS; user++)
    loops.push(echoSession(ask, `echo ${user}`, tally, signal));
  await Promise.all(loops);
}

interface Transfer {
  readonly what: string;
  readonly bytes: number;
  readonly seed: string;
  readonly by: typeof download;
  readonly ask: Ask;
}

async function transfer(tally: Tally, { what, bytes, seed, by, ask }: Transfer): Promise<void> {
  const progress = { bytes: 0 };
  try {
    const received = await by(ask, bytes, seed, progress);
    if (received.bytes !== bytes || received.sha256 !== expectedSha256(bytes, seed)) {
      tally.wrong.push(`${what}: ${received.bytes} of ${bytes} bytes, SHA-256 ${received.sha256}`);
    }
    tally.done++;
    tally.bytes += bytes;
  } catch (error) {
    if (progress.bytes === 0) {
      tally.refused++;
      await sleep(PAUSE_MS);
    } else tally.cut.push(`${what} after ${progress.bytes} of ${bytes} bytes: ${messageOf(error)}`);
  }
}

async function again(signal: AbortSignal, what: () => Promise<void>): Promise<void> {
  while (!signal.aborted) await what();
}

const size = (random: Random, most: number): number =>
  SMALLEST_BYTES + Math.floor(random() * (most - SMALLEST_BYTES));

import { z } from "zod";

/** When bytes came: the one clock of all helpers on the machine, and what is read off what they noted by it. */

/** Milliseconds of CLOCK_MONOTONIC, which every process of the machine shares (clock_gettime(2)). */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A tenth of the shortest time that is told of. */
const STEP_MS = 5;

/** Bytes that came in each step of time, from the first that came to the last. */
export const timeline = z.strictObject({
  /** When the first step began, by `nowMs()`. */
  beginMs: z.number(),
  stepMs: z.number().positive(),
  bytes: z.array(z.int().nonnegative()),
});
export type Timeline = z.output<typeof timeline>;

/** Notes what comes. */
export class TimelineRecorder {
  #first: number | undefined;
  readonly #bytes: number[] = [];

  add(bytes: number, atMs = nowMs()): void {
    const step = Math.floor(atMs / STEP_MS);
    this.#first ??= step;
    const index = step - this.#first;
    while (this.#bytes.length <= index) this.#bytes.push(0);
    this.#bytes[index] = (this.#bytes[index] ?? 0) + bytes;
  }

  get timeline(): Timeline {
    return { beginMs: (this.#first ?? 0) * STEP_MS, stepMs: STEP_MS, bytes: [...this.#bytes] };
  }
}

/** Bytes that came in a stretch of time, in whole steps. */
export function bytesBetween(line: Timeline, fromMs: number, toMs: number): number {
  const [from, to] = [fromMs, toMs].map((ms) => Math.max(0, Math.round((ms - line.beginMs) / line.stepMs)));
  return line.bytes.slice(from, to).reduce((sum, bytes) => sum + bytes, 0);
}

/** The longest time without a byte within a stretch of time (ms). */
export function longestGap(line: Timeline, fromMs: number, toMs: number): number {
  let [longest, current] = [0, 0];
  for (let at = fromMs; at < toMs; at += line.stepMs) {
    current = bytesBetween(line, at, at + line.stepMs) > 0 ? 0 : current + line.stepMs;
    longest = Math.max(longest, current);
  }
  return longest;
}

/** The first moment from `fromMs` on at which a byte came; undefined where none did. */
export function firstByte(line: Timeline, fromMs: number): number | undefined {
  const from = Math.max(0, Math.ceil((fromMs - line.beginMs) / line.stepMs));
  const index = line.bytes.findIndex((bytes, step) => step >= from && bytes > 0);
  return index === -1 ? undefined : line.beginMs + index * line.stepMs;
}

/** The first moment from `fromMs` on after which `windowMs` bring at least `bytes`, by `untilMs`; undefined where there is none. */
export function firstFlow(
  line: Timeline,
  { fromMs, untilMs, windowMs, bytes }: { fromMs: number; untilMs: number; windowMs: number; bytes: number },
): number | undefined {
  for (let at = fromMs; at + windowMs <= untilMs; at += line.stepMs) {
    if (bytesBetween(line, at, at + windowMs) >= bytes) return at;
  }
  return undefined;
}

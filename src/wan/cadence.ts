/**
 * How often (ms) a way is tried anew that nobody answers on, after so long (ms) without success. A SYN takes some 80
 * bytes: two minutes of four a second cost a metered WAN 40 KB, the rest of the ten minutes for which flows wait as
 * much again, and then it is 1.4 MB a day.
 */
const CADENCE = [
  { untilMs: 120_000, everyMs: 250 },
  { untilMs: 600_000, everyMs: 1000 },
] as const;
const LASTING_EVERY_MS = 5000;

/** Pause (ms) between attempts over one way; the kernel's own 1, 2, 4 s would find a way that is back much too late. */
export function knockEveryMs(withoutAnswerMs: number): number {
  return CADENCE.find(({ untilMs }) => withoutAnswerMs < untilMs)?.everyMs ?? LASTING_EVERY_MS;
}

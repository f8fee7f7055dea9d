import type { Retention } from "../../src/store/history/sample.ts";

const DAY_MS = 86_400_000;

/** Long enough that nothing of a test is forgotten. */
export const RETENTION: Retention = {
  seconds: DAY_MS,
  minutes: DAY_MS,
  hours: DAY_MS,
  events: DAY_MS,
  size: 64 * 1024 ** 2,
};

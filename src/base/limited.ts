import type { Clock } from "./clock.ts";
import type { Log, LogLevel } from "./log.ts";

/** Lines with one message that are written in one period. */
const MAX_LINES = 10;
const PERIOD_MS = 60_000;
/** Messages are constants of the program. Should they not be, what is beyond shares one allowance. */
const MAX_MESSAGES = 256;

type Level = Exclude<LogLevel, "silent">;

export interface Limits {
  readonly lines?: number;
  readonly periodMs?: number;
}

/**
 * `log` for lines that strangers can cause: of each message only the first lines (10) in a period (a minute) are
 * written, and at the end of the period one more that says how many there were: "refused: and 37 more". Children share
 * the allowance of their parent, whatever their fields.
 */
export function limited(
  log: Log,
  clock: Clock,
  { lines = MAX_LINES, periodMs = PERIOD_MS }: Limits = {},
): Log {
  /** Lines so far in the period of each message, which begins with the first. */
  const counts = new Map<string, number>();

  const allows = (level: Level, message: string): boolean => {
    const known = counts.has(`${level} ${message}`) || counts.size < MAX_MESSAGES;
    const what = known ? message : "other messages";
    const key = `${level} ${what}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count === 1) {
      const cancel = clock.every(periodMs, () => {
        cancel();
        const more = (counts.get(key) ?? 0) - lines;
        counts.delete(key);
        if (more > 0) log[level]({ more, periodMs }, `${what}: and ${more} more`);
      });
    }
    return count <= lines;
  };

  const decorate = (inner: Log): Log => {
    const at =
      (level: Level) =>
      (fields: object, message: string): void => {
        if (allows(level, message)) inner[level](fields, message);
      };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => decorate(inner.child(fields)),
    };
  };
  return decorate(log);
}

/** What may be used of a WAN from one start day to the next, in bytes. */
export interface QuotaLimits {
  readonly tx?: number | undefined;
  readonly rx?: number | undefined;
  readonly total?: number | undefined;
  /** Day of the month, 1 to 28, on which counting begins anew, at midnight of local time. */
  readonly startDay: number;
}

/** A device's counters at one moment. */
export interface Counted {
  readonly device: string;
  /** Names the device as long as it and its counters live: another boot, or another device of the name, is another life. */
  readonly life: string;
  readonly rx: number;
  readonly tx: number;
}

/** What was used of a WAN since a day, "2026-11-01". */
export interface Usage {
  readonly since: string;
  readonly rx: number;
  readonly tx: number;
  /** Up to where the device's counters are in it; null before the first look. */
  readonly seen: Counted | null;
}

/** Of the limits, the one that is reached first. */
export interface Tightest {
  readonly of: "tx" | "rx" | "total";
  readonly used: number;
  readonly limit: number;
}

/** A board without a battery begins in 1970 or with the day of its image: a clock before this (ms since 1970) tells no month. */
const BELIEVED_FROM = Date.UTC(2026, 0, 1);
/** Some drivers count in 32 bits. */
const WRAP = 2 ** 32;
/** Time between looks (ms): the last bytes go fast, and the turn of a month can wait a second. */
const LOOK_MS = { least: 20, most: 1000 } as const;
/** Of a limit, what may go by between two looks at its end: a quarter of the 1 % that is promised. */
const SLACK = 0.0025;
/** From this share on, the end of a quota is near. */
const NEAR = 0.9;

/** Whether the clock can be right: whoever asks for the date asks this first. `wallMs` is ms since 1970. */
export const isDateKnown = (wallMs: number): boolean => wallMs >= BELIEVED_FROM;

/** The day on which the month of `wallMs` (ms since 1970) began, by local time; undefined while nobody knows the date. */
export function sinceDay(wallMs: number, startDay: number): string | undefined {
  if (!isDateKnown(wallMs)) return undefined;
  const now = new Date(wallMs);
  const month = now.getMonth() - (now.getDate() < startDay ? 1 : 0);
  const began = new Date(now.getFullYear(), month, startDay);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${began.getFullYear()}-${two(began.getMonth() + 1)}-${two(began.getDate())}`;
}

/** Nothing used yet. A month that nobody knows begins with the first date. */
export const unused = (since = ""): Usage => ({ since, rx: 0, tx: 0, seen: null });

/**
 * Adds what has gone over the device since the last look, in a new month to nothing. What went while nobody looked is counted
 * too, as far as the device's counters tell: they outlive a process that is killed.
 */
export function addCounted(usage: Usage, counted: Counted, since: string | undefined): Usage {
  const isNew = since !== undefined && since !== usage.since;
  // A first date is no other month: nothing is forgotten that was counted without one.
  const base = isNew && usage.since !== "" ? unused(since) : usage;
  return {
    since: since ?? usage.since,
    rx: base.rx + moved(usage.seen, counted, "rx"),
    tx: base.tx + moved(usage.seen, counted, "tx"),
    seen: counted,
  };
}

function moved(before: Counted | null, now: Counted, way: "rx" | "tx"): number {
  // Of a device that is looked at for the first time nobody knows what was used when.
  if (before === null || before.device !== now.device) return 0;
  // A new device of the same name began at zero.
  if (before.life !== now.life) return now[way];
  const difference = now[way] - before[way];
  if (difference >= 0) return difference;
  const wrapped = difference + WRAP;
  const isWrap = before[way] < WRAP && wrapped < WRAP / 2;
  return isWrap ? wrapped : now[way];
}

/** The limit of which the largest share is used; undefined where there is none. */
export function tightest(limits: QuotaLimits, { rx, tx }: Usage): Tightest | undefined {
  const used = { rx, tx, total: rx + tx };
  const all = (["total", "rx", "tx"] as const).flatMap((of) => {
    const limit = limits[of];
    return limit === undefined ? [] : [{ of, used: used[of], limit }];
  });
  return all.toSorted((a, b) => b.used / b.limit - a.used / a.limit)[0];
}

/** How far a quota is used. */
export type QuotaState = "room" | "near" | "used-up";

export function quotaState({ used, limit }: Tightest): QuotaState {
  if (used >= limit) return "used-up";
  return used >= limit * NEAR ? "near" : "room";
}

/** When to look again (ms), where up to `peak` bytes may go by in a second. */
export function nextLookMs({ used, limit }: Tightest, peak: number): number {
  if (used >= limit) return LOOK_MS.most;
  const bytes = (limit - used) / 2 + limit * SLACK;
  return Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, (bytes / peak) * 1000));
}

import { isDateKnown } from "./quota.ts";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];
type Role = "active" | "backup" | "off";

/** At certain hours a WAN has another role. Minutes of the day; where `to` is not after `from` it is the next day's. */
export interface Span {
  /** On which it begins. */
  readonly days: readonly Day[];
  readonly from: number;
  readonly to: number;
  readonly role: Role;
}

/** A moment as the clock on the wall shows it. */
export interface WallTime {
  readonly day: Day;
  /** Of the day, 0 to 1439. */
  readonly minute: number;
}

/** What a schedule makes of a WAN now. */
export interface Scheduled {
  readonly role: Role;
  /** When it is another one: "06:00", "Mon 06:00"; undefined where it always is this one. */
  readonly until: string | undefined;
}

const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

/**
 * What a clock shows at `wallMs` (ms since 1970) in a time zone, this machine's unless told; undefined while nobody knows
 * the date. Hours that a change of the clocks leaves out are never shown, and those that it repeats are shown twice.
 */
export function wallTime(wallMs: number, timeZone?: string): WallTime | undefined {
  if (!isDateKnown(wallMs)) return undefined;
  const parts = new Map(
    formatter(timeZone)
      .formatToParts(wallMs)
      .map(({ type, value }) => [type, value]),
  );
  const day = DAYS.find((name) => name === parts.get("weekday")?.toLowerCase());
  return day && { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
}

/** Making one takes longer than all that is done with it. */
const formatters = new Map<string | undefined, Intl.DateTimeFormat>();

function formatter(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(timeZone !== undefined && { timeZone }),
  });
  formatters.set(timeZone, made);
  return made;
}

/** The role that the first span of this hour gives; undefined where none does, and `usual` is what counts. */
export function scheduled(spans: readonly Span[], usual: Role, now: WallTime): Scheduled | undefined {
  const at = DAYS.indexOf(now.day) * DAY_MINUTES + now.minute;
  const role = spans.find((span) => covers(span, at))?.role;
  if (role === undefined) return undefined;
  const isOther = (time: number): boolean =>
    (spans.find((span) => covers(span, time))?.role ?? usual) !== role;
  const turns = spans
    .flatMap(({ from, to }) => [from, to])
    .flatMap((minute) => DAYS.map((_, day) => day * DAY_MINUTES + minute))
    .filter(isOther)
    .map((time) => forward(at, time));
  return { role, until: turns.length === 0 ? undefined : clockText(at, Math.min(...turns)) };
}

/** Minutes from one time of the week to another, forward. */
const forward = (from: number, to: number): number => (to - from + WEEK_MINUTES) % WEEK_MINUTES;

/** Whether a time of the week (minutes from Monday 00:00) is in one of the span's days. */
function covers({ days, from, to }: Span, time: number): boolean {
  const length = to > from ? to - from : to - from + DAY_MINUTES;
  return days.some((day) => forward(DAYS.indexOf(day) * DAY_MINUTES + from, time) < length);
}

/** The time of the week that is so many minutes on, with its day where a clock would show the same hour before. */
function clockText(at: number, minutes: number): string {
  const time = (at + minutes) % WEEK_MINUTES;
  const two = (value: number): string => String(value).padStart(2, "0");
  const hour = `${two(Math.floor((time % DAY_MINUTES) / 60))}:${two(time % 60)}`;
  if (minutes < DAY_MINUTES) return hour;
  const day = DAYS[Math.floor(time / DAY_MINUTES)] ?? "mon";
  return `${day.charAt(0).toUpperCase()}${day.slice(1)} ${hour}`;
}

import { InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../base/units.ts";

/** The options that say which time is meant. */
export interface SpanOptions {
  /** Milliseconds. */
  readonly last: number;
  /** Milliseconds since 1970. */
  readonly from?: number;
  readonly to?: number;
}

/** `--last`, or `--from` and `--to`; `usual` such as "1 h". */
export function spanOptions(usual: string): readonly Option[] {
  return [
    new Option("--last <duration>", 'so long up to now, such as "24h"')
      .argParser(duration)
      .default(duration(usual), usual),
    new Option("--from <time>", 'from then on, such as "2026-11-23T08:00"').argParser(time).conflicts("last"),
    new Option("--to <time>", "up to then; now unless told").argParser(time).conflicts("last"),
  ];
}

/** The time that is meant (ms since 1970). Without `from`, it is as long as `--last` usually is. */
export function spanOf(
  { last, from, to }: SpanOptions,
  now: number,
): { readonly from: number; readonly to: number } {
  const end = to ?? now;
  return { from: from ?? Math.max(0, Math.floor(end - last)), to: end };
}

function duration(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value >= 1000) return parsed.value;
  throw new InvalidArgumentError('allowed is a duration from "1 s" on, such as "24h" or "7 d"');
}

function time(text: string): number {
  const at = Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new InvalidArgumentError(
    'allowed is a time such as "2026-11-23", "2026-11-23T08:00" or "2026-11-23T08:00Z"',
  );
}

import { closeSync, openSync, readSync } from "node:fs";
import { messageOf, SennitError } from "../../base/errors.ts";
import { parseDuration, parseRate } from "../../base/units.ts";
import { configError, type Problem } from "../../config/problems.ts";
import { show } from "../../config/load.ts";
import { within } from "../topology/fields.ts";

/** How fast a link is over time, again and again. Plain data: it is copied to the thread that carries the frames. */
export interface RateTrace {
  readonly name: string;
  /** Tells one that was read from any other, copied or not: who meets a new one starts at its beginning. */
  readonly serial: number;
  /** When each step begins, in milliseconds; the first at 0. */
  readonly starts: readonly number[];
  /** Bit/s from then on; 0 is a pause. */
  readonly rates: readonly number[];
  /** Milliseconds until it begins again. */
  readonly period: number;
}

/** A file of an hour in steps of a second has a tenth of it. */
const MAX_BYTES = 1024 * 1024;
const MAX_STEPS = 36_000;
const MAX_PERIOD_MS = 86_400_000;
/** Less than the loop that carries the frames notices. */
const MIN_STEP_MS = 1;

const TIME = `a time of at most 24 h, at least ${MIN_STEP_MS} ms after the one before (the first is 0)`;
const STEP = 'a step such as "1.5 s: 20 Mbit/s", or "60 s: repeat" on the last line';

/** They tell enough of a file that is no trace at all. */
const MAX_PROBLEMS = 5;

let serial = 0;

/** Reads a trace. Throws `config-unreadable`, or `config-invalid` with every problem and its line. */
export function readRateTrace(path: string): RateTrace {
  return parseRateTrace(readText(path), path);
}

/** `TIME: RATE` line by line, at the end `TIME: repeat`; what follows a # is a comment. */
export function parseRateTrace(text: string, name: string): RateTrace {
  const starts: number[] = [];
  const rates: number[] = [];
  const problems: Problem[] = [];
  let period: number | undefined;
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const said = line.replace(/#.*/, "").trim();
    if (said === "") continue;
    const problem = (allowed: string): void =>
      void problems.push({ path: "", line: index + 1, found: show(said), allowed });
    const [time = "", rest = ""] = said.split(/:(.*)/).map((part) => part.trim());
    const repeats = rest === "repeat";
    const rate = within(parseRate(rest), 0, Infinity);
    const least = starts.length === 0 ? 0 : (starts.at(-1) ?? 0) + MIN_STEP_MS;
    const at = within(parseDuration(time), least, starts.length === 0 ? 0 : MAX_PERIOD_MS);
    if (period !== undefined) problem('nothing after "repeat"');
    else if (!repeats && rate === undefined) problem(STEP);
    else if (at === undefined) problem(TIME);
    else if (repeats) period = at;
    else if (starts.length === MAX_STEPS) problem(`at most ${MAX_STEPS} steps`);
    else {
      starts.push(at);
      rates.push(rate ?? 0);
    }
    if (problems.length === MAX_PROBLEMS) break;
  }
  const missing = (allowed: string): void =>
    void problems.push({ path: "", line: lines.length, found: "its end", allowed });
  if (problems.length === 0 && period === undefined) missing('"TIME: repeat" on the last line');
  if (problems.length === 0 && !rates.some((rate) => rate > 0)) missing("a step with a rate above 0");
  if (problems.length > 0 || period === undefined) throw configError(name, problems);
  return { name, serial: ++serial, starts, rates, period };
}

function readText(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(MAX_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = readSync(file, bytes, length, bytes.length - length, null);
      if (length > MAX_BYTES) throw new Error(`more than the ${MAX_BYTES} bytes allowed`);
      return bytes.toString("utf8", 0, length);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new SennitError(
      "config",
      "config-unreadable",
      `cannot read the trace ${path}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

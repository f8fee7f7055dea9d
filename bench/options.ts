import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, SennitError } from "../src/base/errors.ts";
import { listed } from "../src/config/problems.ts";
import type { Bench } from "./bench.ts";

/** What was asked for on the command line. */
export interface Options {
  readonly benches: readonly Bench[];
  readonly list: boolean;
  readonly help: boolean;
  /** Where the rows go as JSON. */
  readonly out: string | undefined;
  /** Instead of each measurement's own: for a quick look, not for a figure to tell. */
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
}

export const USAGE = `usage: make bench ARGS="[--only ID,ID...] [--out FILE] [--rounds N] [--seconds N] [--list]"

  --only ID,ID   these measurements alone
  --out FILE     write the rows as JSON
  --rounds N     rounds instead of the usual number: for a quick look
  --seconds N    seconds that count in each transfer, likewise
  --list         what there is to measure

Exit codes: 0 all targets met, 1 not all, 2 the command line is wrong.`;

const options = {
  only: { type: "string", multiple: true },
  out: { type: "string" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  list: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

/** More is a slip of the finger, and would not end in time. */
const MOST = { rounds: 1000, seconds: 600 } as const;

/** Reads the command line. Throws `bench-usage` with what is wrong. */
export function readOptions(args: readonly string[], all: readonly Bench[]): Options {
  const values = parse(args);
  return {
    benches:
      values.only === undefined
        ? all.filter(({ onlyWhenAsked }) => onlyWhenAsked !== true)
        : chosen(values.only.join(","), all),
    list: values.list ?? false,
    help: values.help ?? false,
    out: values.out,
    rounds: wholeNumber("rounds", values.rounds),
    seconds: wholeNumber("seconds", values.seconds),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function chosen(text: string, all: readonly Bench[]): readonly Bench[] {
  const ids = text.split(",").map((id) => id.trim());
  const unknown = ids.filter((id) => all.every((bench) => bench.id !== id));
  if (unknown.length === 0) return all.filter(({ id }) => ids.includes(id));
  const known = listed(
    all.map(({ id }) => id),
    "and",
  );
  throw usage(`no measurement is called ${unknown.map((id) => `"${id}"`).join(", ")}; there is ${known}`);
}

function wholeNumber(name: keyof typeof MOST, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MOST[name]) return value;
  throw usage(`--${name}: found "${text}", allowed is a whole number from 1 to ${MOST[name]}`);
}

function usage(what: string): SennitError {
  return new SennitError("config", "bench-usage", what);
}

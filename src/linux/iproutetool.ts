import { messageOf, SennitError } from "../base/errors.ts";
import type { Exec, ExecResult } from "./exec.ts";
import {
  renderChange,
  type Family,
  type IpChange,
  type IpFailure,
  type IpRoute,
  type Route,
  type Rule,
} from "./iproute.ts";
import { parseLimits, parseLinks, parseRoutes, parseRules } from "./iprouteparse.ts";

const FAMILIES: readonly (readonly [Family, string])[] = [
  ["inet", "-4"],
  ["inet6", "-6"],
];

/** The port on iproute2's `ip`, 6.1 or newer. */
export function createIpRoute(exec: Exec): IpRoute {
  const show = async (...args: string[]): Promise<string> => (await exec(["ip", ...args])).stdout;
  const both = async <T>(parse: (json: string, family: Family) => readonly T[], ...what: string[]) => {
    const parts = FAMILIES.map(async ([family, flag]) =>
      // -N: numbers instead of the names that /etc/iproute2 may give to tables and protocols.
      parse(await show("-N", "-d", "-j", flag, ...what), family),
    );
    return (await Promise.all(parts)).flat();
  };
  return {
    links: async () => parseLinks(await show("-d", "-j", "address", "show")),
    rules: () => both<Rule>(parseRules, "rule", "show"),
    routes: () => both<Route>(parseRoutes, "route", "show", "table", "all"),
    limits: async () => parseLimits(await show("mptcp", "limits", "show")),
    async run(changes) {
      const failures: IpFailure[] = [];
      for (const batch of batches(changes)) failures.push(...(await runBatch(exec, batch)));
      return failures;
    },
  };
}

interface Batch {
  readonly family: Family;
  readonly changes: IpChange[];
}

/** Changes of one family in a row share one `ip -batch`; limits are of no family and go with either. */
function* batches(changes: readonly IpChange[]): Generator<Batch> {
  let open: Batch | undefined;
  for (const change of changes) {
    const family: Family = change.object === "limits" ? (open?.family ?? "inet") : change.value.family;
    if (open?.family !== family) {
      if (open) yield open;
      open = { family, changes: [] };
    }
    open.changes.push(change);
  }
  if (open) yield open;
}

async function runBatch(exec: Exec, { family, changes }: Batch): Promise<readonly IpFailure[]> {
  // The family is given once for the whole batch: lines of a batch take no options.
  const lines = changes.map((change) => renderChange(change).filter((word) => word !== "-6"));
  let result: ExecResult;
  try {
    result =
      lines.length === 1
        ? await exec(["ip", familyOption(family), ...(lines[0] ?? [])], { allow: [1, 2, 255] })
        : await exec(["ip", familyOption(family), "-force", "-batch", "-"], {
            input: lines.map((line) => `${line.join(" ")}\n`).join(""),
            allow: [1, 2, 255],
          });
  } catch (error) {
    return changes.map((change) => failure(change, messageOf(error), error));
  }
  if (result.status === 0) return [];
  const words = blame(result.stderr, changes.length);
  if (words === undefined) return changes.map((change) => failure(change, result.stderr.trim()));
  return changes.flatMap((change, index) => {
    const said = words.get(index);
    return said === undefined ? [] : [failure(change, said)];
  });
}

const familyOption = (family: Family): string => (family === "inet6" ? "-6" : "-4");

/** What was said about each line (from 0): `ip -batch` ends the words about a line with "Command failed FILE:LINE". */
function blame(stderr: string, count: number): ReadonlyMap<number, string> | undefined {
  if (count === 1) return new Map([[0, stderr.trim()]]);
  const result = new Map<number, string>();
  let words: string[] = [];
  for (const line of stderr.trim().split("\n")) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1];
    if (number === undefined) words.push(line);
    else {
      result.set(Number(number) - 1, words.join(" ").trim());
      words = [];
    }
  }
  return result.size > 0 && words.length === 0 ? result : undefined;
}

/** iproute2's and the kernel's words (its extended acknowledgements) for what we tell apart. */
const CODES: readonly (readonly [RegExp, string])[] = [
  [/File exists/, "ip-exists"],
  [/limit greater than maximum/, "ip-limit"],
  [/Cannot find device/, "ip-no-device"],
  [
    /invalid gateway|No route to host|is unreachable|is not up|Invalid (prefsrc|source) address/i,
    "ip-unreachable",
  ],
  [/No such file or directory|No such process|does not exist/, "ip-missing"],
];

function failure(change: IpChange, words: string, cause?: unknown): IpFailure {
  const command = `ip ${renderChange(change).join(" ")}`;
  const code = CODES.find(([pattern]) => pattern.test(words))?.[1] ?? "ip-refused";
  const error = new SennitError("kernel", code, `${command}: ${words}`, { detail: { command }, cause });
  return { change, error };
}

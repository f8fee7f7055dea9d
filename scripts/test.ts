/**
 * Runs every kind of test, or the kinds named on the command line, and adds them up. The last line is
 * "N passed, N failed", with ", N skipped" if there are any; the exit code is 0 only when nothing failed.
 */
import { missingForLab } from "./test/lab-ready.ts";
import { add, describeCount, exitCode, type Count } from "./test/count.ts";
import { runScript, runVitest, skipVitest } from "./test/kinds.ts";

/** In CI a test that cannot run has failed: nobody looks at what was skipped there. */
const strict = !["", "0", "false"].includes(process.env["CI"] ?? "");

const HOUSE = "test/unit/house.test.ts";
/** A lab test waits on real time: the whole takes minutes. A kind that takes longer than this hangs. */
const MINUTE_MS = 60_000;

const KINDS: Readonly<Record<string, () => Promise<Count>>> = {
  types: () => runScript("types", 5 * MINUTE_MS),
  lint: () => runScript("lint", 5 * MINUTE_MS),
  format: () => runScript("format:check", 5 * MINUTE_MS),
  house: () => runVitest({ script: "unit", only: [HOUSE], timeoutMs: 5 * MINUTE_MS, strict }),
  unit: () => runVitest({ script: "unit", timeoutMs: 15 * MINUTE_MS, strict }),
  lab: () => {
    const missing = missingForLab();
    if (missing !== undefined) return skipVitest({ script: "lab", reason: missing, strict });
    return runVitest({ script: "lab", timeoutMs: 60 * MINUTE_MS, strict });
  },
};

/** The house is among the unit tests. */
const ALL = ["types", "lint", "format", "unit", "lab"];

const chosen = process.argv.length > 2 ? process.argv.slice(2) : ALL;
const unknown = chosen.filter((kind) => !Object.hasOwn(KINDS, kind));
if (unknown.length > 0) {
  process.stderr.write(
    `no such kind of test: ${unknown.join(", ")}; there are ${Object.keys(KINDS).join(", ")}\n`,
  );
  process.exit(2);
}

const counts: (readonly [string, Count])[] = [];
for (const kind of chosen) {
  process.stdout.write(`\n== ${kind}\n`);
  const start = performance.now();
  const count = (await KINDS[kind]?.()) ?? { passed: 0, failed: 1, skipped: 0 };
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`   ${kind}: ${describeCount(count)} in ${seconds} s\n`);
  counts.push([kind, count]);
}

const total = counts.map(([, count]) => count).reduce(add);
process.stdout.write("\n");
for (const [kind, count] of counts) process.stdout.write(`${kind.padEnd(8)}${describeCount(count)}\n`);
process.exitCode = exitCode(total);
process.stdout.write(`\n${describeCount(total)}\n`);

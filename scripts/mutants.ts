/**
 * Puts one defect after the other into a copy of the source, and runs the model on it: each is to be found within 10,000
 * scripts. `make mutants`, or a few: `make mutants ARGS="--only FIN --seed 7"`.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { MUTANTS, mutate, type Mutant } from "../test/model/mutants.ts";

/** The bar: a defect that takes more scripts than that to show is not found. */
const MAX_RUNS = 10_000;
/** A defect may make a program run in circles: so long (ms) without a word, or with so much memory, it is found as well. */
const SILENCE_MS = 60_000;
const MAX_HEAP_MB = 512;
const WHAT_IT_TAKES = ["src", "test", "package.json"];

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, seed: { type: "string", default: "1" } },
});
const verdict = z.object({ held: z.boolean(), runs: z.int() });

/** After how many scripts the defect showed; undefined if it did not. */
async function scriptsUntilFound(directory: string): Promise<number | "no end" | undefined> {
  const argv = ["--runs", `${MAX_RUNS}`, "--seed", values.seed, "--first"];
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${MAX_HEAP_MB}`, "test/model/main.ts", ...argv],
    {
      cwd: directory,
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  let output = "";
  const silence = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
    silence.refresh();
  });
  await new Promise((ended) => child.once("close", ended));
  clearTimeout(silence);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) return "no end";
  const { held, runs } = verdict.parse(JSON.parse(last));
  return held ? undefined : runs;
}

async function tryOut(directory: string, mutant: Mutant): Promise<boolean> {
  const path = join(directory, mutant.file);
  const source = await readFile(path, "utf8");
  await writeFile(path, mutate(source, mutant));
  const found = await scriptsUntilFound(directory);
  await writeFile(path, source);
  const after = found === undefined ? "NOT FOUND" : typeof found === "number" ? `after ${found}` : found;
  process.stdout.write(`${after.padStart(12)}  ${mutant.name}\n`);
  return found !== undefined;
}

/** Tries what is left of `queue`, one after the other, in a copy of its own; returns how many were not found. */
async function work(queue: Mutant[]): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "sennit-mutants-"));
  try {
    for (const each of WHAT_IT_TAKES) await cp(each, join(directory, each), { recursive: true });
    await symlink(resolve("node_modules"), join(directory, "node_modules"));
    let missed = 0;
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (!(await tryOut(directory, mutant))) missed++;
    }
    return missed;
  } finally {
    await rm(directory, { recursive: true });
  }
}

const queue = MUTANTS.filter(({ name }) => name.includes(values.only));
const count = queue.length;
const missed = await Promise.all(Array.from({ length: availableParallelism() }, () => work(queue)));
const found = count - missed.reduce((sum, each) => sum + each, 0);
process.stdout.write(`\n${found} of ${count} defects were found\n`);
process.exitCode = found === count ? 0 : 1;

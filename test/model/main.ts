import { parseArgs } from "node:util";
import { search } from "./search.ts";

/*
 * The model outside of vitest: many scripts, or one again.
 *
 *   node test/model/main.ts [--runs N] [--seed N] [--path P] [--first]
 *
 * With --first it ends at the first script that fails, without making it smaller, and prints a dot for every hundred scripts.
 * The last line is JSON.
 */
const SCRIPTS_PER_DOT = 100;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    seed: { type: "string" },
    path: { type: "string" },
    first: { type: "boolean", default: false },
  },
});
let scripts = 0;
const dot = (): void => {
  if (++scripts % SCRIPTS_PER_DOT === 0) process.stdout.write(".\n");
};
const { runs, seed, report } = await search({
  runs: Number(values.runs),
  seed: values.seed === undefined ? undefined : Number(values.seed),
  path: values.path,
  shrink: !values.first,
  ...(values.first && { onScript: dot }),
});
if (report !== undefined) process.stdout.write(`${report}\n`);
process.stdout.write(`${JSON.stringify({ held: report === undefined, runs, seed })}\n`);
process.exitCode = report === undefined ? 0 : 1;

import { parseArgs } from "node:util";
import { search } from "./search.ts";

/*
 * The model outside of vitest: many scripts, or one again.
 *
 *   node test/model/main.ts [--runs N] [--seed N] [--path P] [--first]
 *
 * With --first it ends at the first script that fails, without making it smaller. The last line is JSON.
 */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    seed: { type: "string" },
    path: { type: "string" },
    first: { type: "boolean", default: false },
  },
});
const { runs, seed, report } = await search({
  runs: Number(values.runs),
  seed: values.seed === undefined ? undefined : Number(values.seed),
  path: values.path,
  shrink: !values.first,
});
if (report !== undefined) process.stdout.write(`${report}\n`);
process.stdout.write(`${JSON.stringify({ held: report === undefined, runs, seed })}\n`);
process.exitCode = report === undefined ? 0 : 1;

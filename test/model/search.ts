import * as fc from "fast-check";
import { FOUND } from "./found.ts";
import { judge } from "./judge.ts";
import { describe, script, type Script } from "./script.ts";

export interface SearchOptions {
  readonly runs: number;
  /** The same seed gives the same scripts. */
  readonly seed?: number | undefined;
  /** Where in the search of that seed to begin: what a search that found something told. */
  readonly path?: string | undefined;
  /** Whether to make what was found as small as it can be. */
  readonly shrink?: boolean;
  /** Called before each script. */
  readonly onScript?: () => void;
}

export interface Finding {
  /** Scripts that were played. */
  readonly runs: number;
  readonly seed: number;
  /** What went wrong, the script, and how to play it again; undefined if nothing did. */
  readonly report: string | undefined;
}

/** Plays what was found before, then scripts made by chance, until one shows that a promise is broken. */
export async function search({ runs, seed, path, shrink = true, onScript }: SearchOptions): Promise<Finding> {
  const property = fc.asyncProperty(script, async (one) => {
    onScript?.();
    const faults = await judge(one);
    if (faults.length > 0) throw new Error(`${faults.join("\n")}\n\n${describe(one)}`);
  });
  const found = await fc.check(property, {
    numRuns: runs,
    examples: FOUND.map((one): [Script] => [one]),
    endOnFailure: !shrink,
    ...(seed !== undefined && { seed }),
    ...(path !== undefined && { path }),
  });
  if (!found.failed) return { runs: found.numRuns, seed: found.seed, report: undefined };
  const { errorInstance: error } = found;
  const what = error instanceof Error ? error.message : String(error);
  const again = `node test/model/main.ts --seed=${found.seed} --path ${found.counterexamplePath}`;
  return { runs: found.numRuns, seed: found.seed, report: `${what}\n\nOnce more: ${again}` };
}

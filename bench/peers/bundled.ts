import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLE, bundle } from "../../scripts/bundle.ts";
import type { Contestant } from "../contestant.ts";
import { sennitAs } from "./sennit.ts";

const NODE = fileURLToPath(new URL("../../bin/node", import.meta.url));

/** Sennit as a release has it: bundled now, from the sources as they are. */
export async function bundledSennit(): Promise<Contestant> {
  await bundle();
  return sennitAs("sennit, bundled", {}, (...args) => [NODE, join(BUNDLE, "sennit.js"), ...args]);
}

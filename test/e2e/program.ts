import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** The command line that starts the sennit program on the Node that runs this. */
export function sennitArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", MAIN, ...args];
}

import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/sennit", import.meta.url));

/** The command line that starts Sennit, as users start it. */
export const sennitArgv = (...args: readonly string[]): readonly [string, ...string[]] => [PROGRAM, ...args];

import { join } from "node:path";

/** The socket between control and data process of the role whose run directory this is. */
export const dataSocket = (runDirectory: string): string => join(runDirectory, "data.sock");

/** How this very program is started again as another process: the same Node, the same flags, the same file. */
export function selfArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...args];
}

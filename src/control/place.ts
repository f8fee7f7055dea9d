import { readdirSync } from "node:fs";
import { join } from "node:path";

const DATA_SOCKET = /^data-(\d+)\.sock$/;

/** The socket between control and the data process with that pid, of the role whose run directory this is. */
export const dataSocket = (runDirectory: string, pid: number): string =>
  join(runDirectory, `data-${pid}.sock`);

/** The pids of data processes that have, or had, a socket in this run directory. */
export function dataPids(runDirectory: string): readonly number[] {
  return readdirSync(runDirectory).flatMap((name) => {
    const pid = DATA_SOCKET.exec(name)?.[1];
    return pid === undefined ? [] : [Number(pid)];
  });
}

/** How this very program is started again as another process: the same Node, the same flags, the same file. */
export function selfArgv(...args: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...args];
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A program's words, as it was started. */
export type Argv = readonly string[];

/** How long one may take to end in good order (ms). */
const END_LIMIT_MS = 1000;
const LOOK_EVERY_MS = 5;

/**
 * Ends programs of this network namespace that an earlier control process started and left running when it was killed; how many
 * there were. They are known by their words alone, so nothing needs to have been noted before it died. Resolves when they are gone.
 */
export async function endLeftovers(isOurs: (argv: Argv) => boolean): Promise<number> {
  const pids = find(isOurs);
  signal(pids, "SIGTERM");
  for (const end = Date.now() + END_LIMIT_MS; pids.some((pid) => isOurs(argvOf(pid)));) {
    if (Date.now() > end) signal(pids, "SIGKILL");
    await sleep(LOOK_EVERY_MS);
  }
  return pids.length;
}

function find(isOurs: (argv: Argv) => boolean): readonly number[] {
  const here = statSync("/proc/self/ns/net").ino;
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && isOurs(argvOf(pid)) && namespaceOf(pid) === here);
}

/** Empty for one that has ended, also where its parent has not asked for its exit code yet (proc_pid_cmdline(5)). */
function argvOf(pid: number): Argv {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

function namespaceOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return undefined;
  }
}

function signal(pids: readonly number[], name: "SIGTERM" | "SIGKILL"): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";

/** A program's words, as it was started. */
export type Argv = readonly string[];

/** How long one may take to end in good order (ms). */
const END_LIMIT_MS = 1000;
/** How long one that was killed may take to be gone (ms): the kernel lets none go that waits for a device. */
const GONE_LIMIT_MS = 2000;
const LOOK_EVERY_MS = 5;

/**
 * Ends programs of this network namespace that an earlier control process started and left running when it was killed; how many
 * there were. They are known by their words alone, so nothing needs to have been noted before it died. Resolves when they are
 * gone; rejects with `leftover-stays` where the kernel does not let one go.
 */
export async function endLeftovers(
  isOurs: (argv: Argv) => boolean,
  processes: Processes = HERE,
): Promise<number> {
  const pids = processes.list().filter((pid) => isOurs(processes.argvOf(pid)));
  const left = (): readonly number[] => pids.filter((pid) => isOurs(processes.argvOf(pid)));
  const areGone = async (limitMs: number): Promise<boolean> => {
    for (const end = performance.now() + limitMs; left().length > 0; await sleep(LOOK_EVERY_MS))
      if (performance.now() > end) return false;
    return true;
  };
  processes.signal(pids, "SIGTERM");
  if (await areGone(END_LIMIT_MS)) return pids.length;
  processes.signal(left(), "SIGKILL");
  if (await areGone(GONE_LIMIT_MS)) return pids.length;
  throw new SennitError("kernel", "leftover-stays", `killed, but not gone: process ${left().join(", ")}`, {
    remedy: "see with `ps -o pid,stat,wchan,args` what it waits for",
  });
}

/** The processes of a network namespace. */
export interface Processes {
  list(): readonly number[];
  argvOf(pid: number): Argv;
  signal(pids: readonly number[], name: "SIGTERM" | "SIGKILL"): void;
}

const HERE: Processes = { list, argvOf, signal };

function list(): readonly number[] {
  const here = statSync("/proc/self/ns/net").ino;
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && namespaceOf(pid) === here);
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

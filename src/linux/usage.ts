import { readdirSync, readFileSync, statSync } from "node:fs";

/** What processes cost, by the kernel's own count. */

/** USER_HZ: /proc counts time in hundredths of a second on every architecture Node runs on (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

/** Every process, ours excepted, whose main thread is in the network namespace at `netns` (`/run/netns/NAME`). */
export function processesIn(netns: string): number[] {
  const { ino } = statSync(netns);
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid && namespaceOf(pid) === ino);
}

/**
 * CPU time that processes have used so far, all threads, user and system, in seconds; with that of their children that
 * ended, so that no time goes missing with a helper that was run meanwhile. What has ended itself counts as nothing.
 */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => cpuTicks(read(pid, "stat")));
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

/** utime, stime, cutime and cstime: fields 14 to 17 of proc_pid_stat(5). */
export function cpuTicks(stat: string): number {
  return fieldsAfterName(stat)
    .slice(11, 15)
    .reduce((sum, field) => sum + Number(field), 0);
}

/** From the third field on: the second is a name in brackets that may hold anything, also spaces and brackets. */
const fieldsAfterName = (stat: string): readonly string[] => stat.slice(stat.lastIndexOf(")") + 2).split(" ");

/**
 * Minor page faults of the children that processes have had and waited for: cminflt, field 11 of proc_pid_stat(5). It grows
 * by hundreds with every program that is run to its end, and by nothing else.
 */
export function childFaults(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + childFaultsOf(read(pid, "stat")), 0);
}

export const childFaultsOf = (stat: string): number => Number(fieldsAfterName(stat)[8] ?? 0);

/** Resident sets of processes added up, in bytes; a page that several of them share counts in each. */
export function rssBytes(pids: readonly number[]): number {
  const each = pids.map((pid) => Number(/^Rss:\s+(\d+) kB$/m.exec(read(pid, "smaps_rollup"))?.[1] ?? 0));
  return each.reduce((sum, kilobytes) => sum + kilobytes * 1024, 0);
}

/** Descriptors that processes have open, added up. */
export function openFiles(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + list(`/proc/${pid}/fd`).length, 0);
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // It ended in between.
    return [];
  }
}

/** Empty for a process that is gone. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function namespaceOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    // It ended in between.
    return undefined;
  }
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";
import { exec } from "./exec.ts";

/** Named network namespaces as `ip netns` keeps them. Without koffi, so that the smallest of programs can use it. */
const DIRECTORY = "/run/netns";

/** Where iproute2 keeps its named network namespaces. */
export const netnsPath = (name: string): string => `${DIRECTORY}/${name}`;

/** The names in use that start with `prefix`. */
export function listNamespaces(prefix: string): string[] {
  try {
    return readdirSync(DIRECTORY).filter((name) => name.startsWith(prefix));
  } catch {
    // The directory comes with the first namespace.
    return [];
  }
}

/** Creates all of them with one run of `ip`. Rejects with `exec-failed`; those made until then are there. */
export async function addNamespaces(names: readonly string[]): Promise<void> {
  await exec(["ip", "-batch", "-"], { input: names.map((name) => `netns add ${name}\n`).join("") });
}

/** A process that was killed is gone in a few milliseconds, unless the kernel is busy with its memory. */
const KILL_TIMEOUT_MS = 5_000;
const KILL_POLL_MS = 5;

/**
 * Kills every process that lives in one of the namespaces and removes their names; with the last process, devices,
 * rules and routes vanish. Fine when some or all are gone already. Rejects with `processes-left` or `namespaces-left`.
 */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  const inodes = new Set(names.map(inodeOf).filter((inode) => inode !== undefined));
  const deadline = Date.now() + KILL_TIMEOUT_MS;
  for (let pids = inhabitants(inodes); pids.length > 0; pids = inhabitants(inodes)) {
    if (Date.now() > deadline)
      throw new SennitError("kernel", "processes-left", `processes do not end: ${pids.join(", ")}`);
    for (const pid of pids) kill(pid);
    await sleep(KILL_POLL_MS);
  }
  const script = names.map((name) => `netns del ${name}\n`).join("");
  // 1: one of them was gone already; what counts is what is left.
  if (names.length > 0) await exec(["ip", "-force", "-batch", "-"], { input: script, allow: [0, 1] });
  const left = names.filter((name) => inodeOf(name) !== undefined);
  if (left.length > 0)
    throw new SennitError("kernel", "namespaces-left", `namespaces that stay: ${left.join(", ")}`);
}

/** Processes, ours excepted, whose main thread is in one of the namespaces with these inode numbers. */
function inhabitants(inodes: ReadonlySet<number>): number[] {
  if (inodes.size === 0) return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid)
    .filter((pid) => inodes.has(inodeAt(`/proc/${pid}/ns/net`) ?? -1));
}

function inodeOf(name: string): number | undefined {
  return inodeAt(netnsPath(name));
}

/** Every namespace is a file of its own in the kernel's nsfs. */
function inodeAt(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}

/**
 * When a process was started, in the kernel's clock ticks since boot (field 22 of proc_pid_stat(5)): together with its
 * number a name that is never given twice. Undefined when there is no such process, or only its exit code.
 */
export function processStart(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is a name in brackets that may hold anything, also spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

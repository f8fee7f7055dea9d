import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import { listNamespaces, processStart, removeNamespaces } from "../linux/namespaces.ts";
import { start } from "../linux/process.ts";

/** Sockets and claims of the labs that run. Only root may look inside. */
export const LAB_DIRECTORY = "/run/sennit/lab";

/** Where a served lab's control socket is. */
export const controlSocket = (name: string): string => `${LAB_DIRECTORY}/${name}.sock`;

/** What a lab says about itself before it creates anything, for whoever has to clean up after it. */
const claimFile = z.strictObject({
  /** What its namespaces' names start with. */
  prefix: z.string().regex(/^sennit-\d+(?:\.\d+)?-$/),
  pid: z.int().positive(),
  /** Tells the process from a later one with the same number. */
  started: z.int(),
  files: z.array(z.string()),
});
type ClaimFile = z.output<typeof claimFile>;

/** Labs of this process so far. */
let count = 0;

/** A prefix that is ours, and the certainty that nothing under it stays. */
export interface Claim {
  readonly prefix: string;
  /** Kills what lives in our namespaces, and removes them and our files. Throws `lab-not-clean` where that fails. */
  release(): Promise<void>;
}

/**
 * Claims a prefix for namespaces of this process, and starts the reaper that cleans up under it as soon as the claim
 * is released or this process ends. `files` are removed as well.
 */
export async function claim(files: readonly string[]): Promise<Claim> {
  count++;
  const prefix = `sennit-${process.pid}${count === 1 ? "" : `.${count}`}-`;
  const path = `${LAB_DIRECTORY}/${prefix.slice(0, -1)}.json`;
  const mine: ClaimFile = {
    prefix,
    pid: process.pid,
    started: processStart(process.pid) ?? 0,
    files: [...files],
  };
  mkdirSync(LAB_DIRECTORY, { recursive: true, mode: 0o700 });
  writeFileSync(path, JSON.stringify(mine), { mode: 0o600 });
  const reaper = await start(
    [process.execPath, fileURLToPath(new URL("./reaper.ts", import.meta.url)), prefix, ...files, path],
    { life: "free", stdio: ["pipe", "ignore", "inherit"] },
  );
  return {
    prefix,
    async release() {
      reaper.ref();
      reaper.stdin?.end();
      const { code } = await reaper.exited;
      if (code === 0) return;
      // It was killed, or could not finish: the same again from here, and this time the error is told.
      await cleanUp({ ...mine, files: [...files, path] });
    },
  };
}

/** Removes what labs have left whose process, and whose reaper, were killed. Returns their prefixes. */
export async function collectLeftovers(): Promise<readonly string[]> {
  const collected: string[] = [];
  for (const path of claimFiles()) {
    const left = readClaim(path);
    if (left === undefined || processStart(left.pid) === left.started) continue;
    await cleanUp({ ...left, files: [...left.files, path] });
    collected.push(left.prefix);
  }
  return collected;
}

async function cleanUp({ prefix, files }: ClaimFile): Promise<void> {
  try {
    await removeNamespaces(listNamespaces(prefix));
  } catch (cause) {
    throw new SennitError("kernel", "lab-not-clean", `the lab ${prefix}* is not all gone`, { cause });
  } finally {
    for (const file of files) rmSync(file, { recursive: true, force: true });
  }
}

function claimFiles(): string[] {
  try {
    return readdirSync(LAB_DIRECTORY)
      .filter((name) => name.endsWith(".json"))
      .map((name) => `${LAB_DIRECTORY}/${name}`);
  } catch {
    // There has been no lab yet.
    return [];
  }
}

/** Undefined when it is gone again, or still being written: its lab is alive then. */
function readClaim(path: string): ClaimFile | undefined {
  try {
    return claimFile.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

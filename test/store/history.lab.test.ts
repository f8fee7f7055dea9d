import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { start } from "../../src/linux/process.ts";
import { HistoryDatabase } from "../../src/store/history/database.ts";
import { RETENTION } from "./retention.ts";

const PROGRAM = fileURLToPath(new URL("record-until-killed.ts", import.meta.url));
/** 100 kills, of as many recorders at a time as there are files. */
const KILLS = 25;
const FILES = 4;
/** How long a process may record: up to some batches, and a roll-up now and then. */
const MAX_SECONDS = 90;
/** What may be lost. */
const LOST_S = 5;
const START_S = 1_790_000_000;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-history-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Records from `from` on, killed after so many seconds of its own time; the last second that it told of. */
async function recordAndKill(path: string, from: number, seconds: number): Promise<number> {
  const child = await start([process.execPath, PROGRAM, path, String(from)], {
    life: "tied",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(directory, "compiled") },
  });
  let last = 0;
  if (child.stdout === null) throw new Error("nothing to read from");
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    // What is in the pipe is read to its end: it was recorded before the kill.
    if (last >= from + seconds) child.kill("SIGKILL");
  }
  await child.exited;
  return last;
}

async function killAndLook(path: string): Promise<void> {
  let from = START_S;
  for (let kill = 0; kill < KILLS; kill++) {
    const last = await recordAndKill(path, from, Math.round(MAX_SECONDS * Math.random()));
    expect(last).toBeGreaterThanOrEqual(from);
    const database = new HistoryDatabase(path, RETENTION);
    expect(database.damage).toBeUndefined();
    const all = { from: from * 1000, to: 2 ** 50 };
    const found = database.samples(1, all).at(-1)?.at ?? from;
    expect(last - found).toBeLessThanOrEqual(LOST_S);
    expect(last - (database.events(all, 1)[0]?.at ?? from * 1000) / 1000).toBeLessThanOrEqual(LOST_S);
    // What of a batch is there is all of it.
    const [fibre, lte] = ["fibre", "lte"].map((wan) => database.samples(1, all, wan).length);
    expect(fibre).toBe(lte);
    database.close();
    from = last + 1;
  }
}

test("a recorder that is killed 100 times in the midst of it loses 5 s at most, and its file is in order each time", async () => {
  const paths = Array.from({ length: FILES }, (_, index) => join(directory, `history-${index}.db`));
  await Promise.all(paths.map(killAndLook));
}, 60_000);

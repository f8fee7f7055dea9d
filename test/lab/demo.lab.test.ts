import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { LAB_DIRECTORY } from "../../src/lab/claim.ts";
import { serveLab } from "../../src/lab/control.ts";
import { parseTopology } from "../../src/lab/topology/topology.ts";
import { listNamespaces } from "../../src/linux/namespaces.ts";
import { start, type Child } from "../../src/linux/process.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Temporary files of the demos go here, where they can be counted. */
let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "sennit-demo-"));
});
afterAll(() => rm(temporary, { recursive: true }));

const started: Child[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

interface Demo {
  readonly child: Child;
  readonly out: Promise<string>;
  readonly err: Promise<string>;
}

/** A demo in a process group of its own, as a terminal would start it. */
async function demo(...args: readonly string[]): Promise<Demo> {
  const child = await start([process.execPath, MAIN, "demo", "--once", ...args], {
    life: "free",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: temporary },
  });
  started.push(child);
  child.ref();
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  return { child, out: text(child.stdout), err: text(child.stderr) };
}

/** Programs of the lab and of Sennit that this demo has started, by what they were told where its files are. */
function programs(pid: number): string[] {
  const lines = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return `${name} ${readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")}`;
      } catch {
        return "";
      }
    });
  return lines.filter((line) => line.includes(temporary) || line.includes(`sennit-${pid}-`));
}

const leftOf = (pid: number): unknown => ({
  namespaces: listNamespaces(`sennit-${pid}-`),
  programs: programs(pid),
  claims: readdirSync(LAB_DIRECTORY).filter((file) => file.startsWith(`sennit-${pid}.`)),
  sockets: existsSync(`${LAB_DIRECTORY}/demo.sock`),
  files: readdirSync(temporary),
});
const NOTHING = { namespaces: [], programs: [], claims: [], sockets: false, files: [] };

/** Settles with how it ended. */
async function endsCleanly({ child, err }: Demo): Promise<unknown> {
  const late = sleep(10_000, "still there after 10 s", { ref: false });
  const exit = await Promise.race([child.exited, late]);
  expect(await err).toBe("");
  expect(leftOf(child.pid)).toEqual(NOTHING);
  return exit;
}

/** There are no figures, which is a failure. */
const STOPPED = { code: 1, signal: null };
/** Before it listened to signals, when there was nothing yet to undo. */
const UNHEARD = { code: null, signal: "SIGINT" };

describe("a demo that is stopped", () => {
  // Node starts, the lab is built, the first download runs.
  test.each([300, 500, 700, 900, 1200, 1500, 2500])("after %d ms leaves nothing", async (afterMs) => {
    const running = await demo();
    await sleep(afterMs);
    // All of the group, as Ctrl-C does it.
    process.kill(-running.child.pid, "SIGINT");
    expect(afterMs < 1000 ? [STOPPED, UNHEARD] : [STOPPED]).toContainEqual(await endsCleanly(running));
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("by %s as soon as there is a namespace", async (signal) => {
    const running = await demo();
    const { pid } = running.child;
    await vi.waitFor(() => expect(listNamespaces(`sennit-${pid}-`)).not.toEqual([]), {
      timeout: 10_000,
      interval: 5,
    });
    running.child.kill(signal);
    expect(await endsCleanly(running)).toEqual(STOPPED);
  });
});

describe("before anything is built", () => {
  test("figures that cannot be written are told", async () => {
    const { child, err, out } = await demo("--out", join(temporary, "none", "figures.json"));
    expect(await child.exited).toEqual({ code: 2, signal: null });
    expect(await err).toMatch(/^sennit: the figures cannot be written: ENOENT.*none\/figures\.json'\n$/);
    expect(await out).toBe("");
    expect(leftOf(child.pid)).toEqual(NOTHING);
  });

  test("a second demo is refused, and the first goes on", async () => {
    const first = await serveLab(
      parseTopology(
        "version: 1\nhosts: { a: { interfaces: { x: [] } }, b: { interfaces: { x: [] } } }\nlinks: { l: { ends: [a:x, b:x] } }\n",
        "demo",
      ),
    );
    try {
      const { child, err } = await demo();
      expect(await child.exited).toEqual({ code: 2, signal: null });
      expect(await err).toBe(
        "sennit: a lab named demo is up\n  -> take it down with `sennit lab down --name demo`\n",
      );
      expect(existsSync(`${LAB_DIRECTORY}/demo.sock`)).toBe(true);
    } finally {
      await first.close();
    }
  });
});

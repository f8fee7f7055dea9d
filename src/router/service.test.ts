import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Client } from "../api/client.ts";
import { socketPath } from "../api/listen.ts";
import { sampleStatus } from "../api/sample.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { parseRouterConfig, type RouterConfig } from "../config/router.ts";
import { ConfigFile } from "../control/configfile.ts";
import { StateDir } from "../store/state-dir.ts";
import { Versions } from "../store/versions.ts";
import { RouterService, type Runner } from "./service.ts";

let directory: string;
let path: string;
let clock: ManualClock;
/** What was done with which device's config, in order. */
let done: string[];
/** Devices whose config can't be run. */
let impossible: Set<string>;
let startedOver: number;
let service: RouterService;
let client: Client;

const textOf = (device: string): string =>
  `version: 1
lan: { interfaces: [lan0] }
wans: { fibre: { interface: ${device} } }
directories: { run: ${directory}, state: ${directory} }
`;
const edit = (device: string): void => writeFileSync(path, textOf(device));
const text = (): string => readFileSync(path, "utf8");

function fakeRunner(config: RouterConfig): Runner {
  const device = config.wans["fibre"]?.interface ?? "";
  return {
    async start(takesOver) {
      done.push(`${takesOver === true ? "take over" : "start"} ${device}`);
      if (impossible.has(device)) throw new Error("cannot be run");
    },
    async stop() {
      done.push(`stop ${device}`);
    },
    async release() {
      done.push(`release ${device}`);
    },
    upgrade: () => undefined,
    status: () => ({ ...sampleStatus, problems: [] }),
    eventsOf: () => ({ events: [] }),
    history: ({ from, to }) => ({ stepMs: 1000, from, to, wans: [] }),
    leases: () => ({ wans: [], lan: [] }),
    preview: async () => ({ steps: [{ do: "nft-remove" }], errors: [], absent: [], table: "table" }),
  };
}

/** As after a start of the process: nothing is known but what is on disk. */
async function newService(): Promise<RouterService> {
  const now = () => clock.now();
  const state = await StateDir.open(directory);
  const versions = new Versions(await StateDir.open(join(directory, "config")), now);
  const file = new ConfigFile({ path, state, versions, now });
  return new RouterService(parseRouterConfig(text(), path), {
    file,
    check: () => undefined,
    open: fakeRunner,
    goOn: () => startedOver++,
    clock,
    log: new MemoryLog(),
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  path = join(directory, "router.yaml");
  clock = new ManualClock();
  clock.advance(1_000_000);
  [done, impossible, startedOver] = [[], new Set(), 0];
  edit("eth0");
  service = await newService();
  await service.start();
  client = new Client(socketPath(directory));
});
afterEach(async () => {
  await service.stop();
  rmSync(directory, { recursive: true });
});

/** The process dies: what it had in memory is gone, what ran in its place begins from disk. */
async function dieAndStart(meanwhileMs: number): Promise<void> {
  const later = clock.now() + meanwhileMs;
  await service.stop();
  clock = new ManualClock();
  clock.advance(later);
  done = [];
  service = await newService();
  await service.start();
}

describe("apply", () => {
  test("one lets go, the other takes over; the file is a version from then on", async () => {
    edit("eth1");
    expect(await client.apply(null)).toEqual({ file: path, version: 2, pending: null, problems: [] });
    expect(done).toEqual(["start eth0", "release eth0", "take over eth1"]);
    expect((await client.versions()).map(({ number, why }) => [number, why])).toEqual([
      [1, "start"],
      [2, "applied"],
    ]);
    expect((await client.version(1)).text).toBe(textOf("eth0"));
  });

  test("nothing is done where the file is wrong, or names other directories", async () => {
    writeFileSync(path, `${textOf("eth1")}speed: 9\nmore: 8\n`);
    await expect(client.apply(null)).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(/speed.*\n.*more/),
    });
    writeFileSync(path, textOf("eth1").replace(`run: ${directory}`, "run: /elsewhere"));
    await expect(client.apply(null)).rejects.toMatchObject({ code: "apply-needs-restart" });
    expect(done).toEqual(["start eth0"]);
    expect(await client.versions()).toHaveLength(1);
  });

  test("the one before goes on where the new one can't run", async () => {
    impossible.add("eth1");
    edit("eth1");
    await expect(client.apply(60_000)).rejects.toMatchObject({ code: "internal" });
    expect(done.slice(1)).toEqual(["release eth0", "take over eth1", "take over eth0"]);
    expect(await client.config()).toMatchObject({ version: 1, pending: null });
    impossible.add("eth0");
    await expect(client.apply(null)).rejects.toMatchObject({ code: "internal" });
    expect(startedOver).toBe(1);
  });
});

describe("apply, to be confirmed", () => {
  beforeEach(async () => {
    edit("eth1");
    await client.apply(60_000);
  });

  test("goes back at the end of the time, and not before", async () => {
    clock.advance(59_000);
    expect(service.status().problems).toMatchObject([
      { code: "config-unconfirmed", message: "version 1 of the config comes back in 1 s" },
    ]);
    expect(await client.config()).toMatchObject({ version: 2, pending: { before: 1, leftMs: 1000 } });
    clock.advance(1000);
    await vi.waitFor(() => expect(done.at(-1)).toBe("take over eth0"));
    expect(text()).toBe(textOf("eth0"));
    expect(service.status().problems).toEqual([]);
    expect(await client.config()).toMatchObject({ version: 3, pending: null });
  });

  test("stays when it is confirmed, once", async () => {
    expect(await client.confirm()).toMatchObject({ version: 2, pending: null });
    clock.advance(120_000);
    await expect(client.confirm()).rejects.toMatchObject({ code: "nothing-to-confirm" });
    expect(done.at(-1)).toBe("take over eth1");
    expect(text()).toBe(textOf("eth1"));
  });

  test("no other change comes between, but a restored version, which settles it", async () => {
    edit("eth2");
    await expect(client.apply(null)).rejects.toMatchObject({ code: "confirm-pending" });
    expect(await client.restore(1, null)).toMatchObject({ pending: null });
    expect(done.at(-1)).toBe("take over eth0");
    // What was in the file is not lost.
    expect((await client.versions()).map(({ text: kept }) => kept)).toContain(textOf("eth2"));
    clock.advance(120_000);
    expect(text()).toBe(textOf("eth0"));
  });

  test("goes back as well when the process dies, late or in time", async () => {
    await dieAndStart(10_000);
    expect(done).toEqual(["start eth1"]);
    clock.advance(50_000);
    await vi.waitFor(() => expect(done.at(-1)).toBe("take over eth0"));
    expect(text()).toBe(textOf("eth0"));
  });

  test("goes back at once when the process comes back too late", async () => {
    await dieAndStart(3_600_000);
    expect(done).toEqual(["start eth0"]);
    expect(text()).toBe(textOf("eth0"));
    expect(await client.config()).toMatchObject({ pending: null });
  });
});

test("a version that this program can't read does not keep it from starting", async () => {
  edit("eth1");
  await client.apply(60_000);
  const kept = join(directory, "config", "v1.json");
  writeFileSync(kept, JSON.stringify({ number: 1, at: 0, why: "start", text: "version: 0\n" }));
  await dieAndStart(3_600_000);
  expect(done).toEqual(["start eth1"]);
  expect(await client.config()).toMatchObject({ version: 2, pending: null });
});

test("the plan is what would be run", async () => {
  expect(await client.plan()).toEqual({
    steps: [{ command: "nft delete table inet sennit", input: null }],
    table: "table",
    absent: [],
    problems: [],
  });
});

test("a version that is not there", async () => {
  await expect(client.version(7)).rejects.toMatchObject({ code: "no-version" });
  await expect(client.restore(7, null)).rejects.toMatchObject({ code: "no-version" });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { parseRouterConfig } from "../config/router.ts";
import type { RouterEvent } from "../control/events.ts";
import { UsageFile } from "../store/usagefile.ts";
import { Metering } from "./metering.ts";

const MB = 1024 ** 2;
const NOW = new Date("2026-11-23T12:00").getTime();

let directory: string;
let clock: ManualClock;
let bytes: { bytesIn: number; bytesOut: number };
let events: RouterEvent[];
let changes: number;
let identity: string;
let isThere: boolean;
let wallMs: number;
const all: Metering[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  clock = new ManualClock();
  bytes = { bytesIn: 7000, bytesOut: 3000 };
  events = [];
  changes = 0;
  identity = "boot/net:1";
  isThere = true;
  wallMs = NOW;
});

afterEach(() => {
  for (const metering of all.splice(0)) metering.stop();
  rmSync(directory, { recursive: true });
});

function open(quota = "{total: 500 MB, action: off}"): Metering {
  const text = `version: 1\nlan: {interfaces: [lan0]}\nwans: {lte: {interface: lte0, quota: ${quota}}, fibre: {interface: eth0}}`;
  const metering = new Metering({
    config: parseRouterConfig(text, "test"),
    file: new UsageFile(directory),
    identity,
    deviceOf: (wan) => (wan === "lte" && isThere ? { name: "lte0", index: 4 } : undefined),
    counters: () => new Map(isThere ? [["lte0", bytes]] : []),
    clock,
    wallClock: () => wallMs,
    log: new MemoryLog(),
    emit: (event) => events.push(event),
    onChange: () => changes++,
  });
  all.push(metering);
  metering.start();
  return metering;
}

/** Moves bytes at that rate (bytes/s) until the meter tells of a change; what it looks at is what was moved at that moment. */
function moveUntilChange(perSecond: number): void {
  const before = changes;
  const told = (): boolean => changes > before;
  for (let looks = 0; !told() && looks < 100_000; looks++) {
    const ms = (clock.nextAt ?? clock.now()) - clock.now();
    bytes = { ...bytes, bytesIn: bytes.bytesIn + (ms / 1000) * perSecond };
    clock.advance(ms);
  }
}

test.each([10, 100, 1000])("at %i Mbit/s a quota that is used up is acted on within 1 %%", (mbits) => {
  const metering = open();
  moveUntilChange((mbits * 1e6) / 8);
  expect(events.at(-1)).toMatchObject({ code: "quota-near", wan: "lte" });
  moveUntilChange((mbits * 1e6) / 8);
  expect(metering.effectOf("lte")).toBe("off");
  expect(metering.spent("lte")).toContain("of 500 MiB sent and received since 2026-11-01");
  const used = bytes.bytesIn - 7000;
  expect(used).toBeGreaterThanOrEqual(500 * MB);
  expect(used).toBeLessThan(505 * MB);
  expect(metering.of("lte")).toMatchObject({ state: "used-up", bytes: { down: used, up: 0 } });
});

test("one that was killed goes on with what the kernel counted meanwhile", () => {
  const killed = open();
  bytes = { bytesIn: 7000 + 100 * MB, bytesOut: 3000 };
  killed.look();
  // Nothing of that was written yet.
  bytes = { bytesIn: 7000 + 300 * MB, bytesOut: 3000 };
  const next = open();
  expect(next.of("lte")?.bytes.down).toBe(300 * MB);
});

test("another boot, and a device that comes back, count from zero", () => {
  const first = open();
  bytes = { bytesIn: 7000 + 100 * MB, bytesOut: 3000 };
  first.look();
  first.stop();
  identity = "other/net:1";
  bytes = { bytesIn: 20 * MB, bytesOut: 0 };
  const second = open();
  expect(second.of("lte")?.bytes.down).toBe(120 * MB);
  isThere = false;
  second.look();
  isThere = true;
  bytes = { bytesIn: 21 * MB, bytesOut: 0 };
  second.look();
  expect(second.of("lte")?.bytes.down).toBe(121 * MB);
});

test("what is used up comes back with the month", () => {
  const metering = open("{rx: 1 MB, startDay: 24, action: backup}");
  bytes = { bytesIn: 7000 + 2 * MB, bytesOut: 3000 };
  metering.look();
  expect(metering.effectOf("lte")).toBe("backup");
  expect(metering.spent("lte")).toBeUndefined();
  expect(metering.problems).toMatchObject([{ code: "quota-used-up" }]);
  wallMs = new Date("2026-11-24T00:00").getTime();
  metering.look();
  expect(metering.effectOf("lte")).toBe("none");
  expect(events.map(({ code }) => code)).toEqual(["quota-used-up", "quota-room"]);
  expect(metering.problems).toEqual([]);
});

test("a WAN without a quota is not counted; one whose quota comes back goes on", () => {
  const metering = open();
  expect(metering.of("fibre")).toBeNull();
  bytes = { bytesIn: 7000 + MB, bytesOut: 3000 };
  metering.stop();
  new UsageFile(directory).write([{ wan: "fibre", since: "2026-11-01", rx: 5, tx: 6, seen: null }]);
  const next = open();
  next.stop();
  expect(new UsageFile(directory).read().find(({ wan }) => wan === "fibre")?.rx).toBe(5);
});

test("an unreadable count is kept aside, and told", () => {
  const path = join(directory, "usage.json");
  writeFileSync(path, "{ half");
  expect(open().of("lte")?.bytes).toEqual({ down: 0, up: 0 });
  expect(readFileSync(`${path}.damaged`, "utf8")).toBe("{ half");
  expect(events).toMatchObject([
    { code: "usage-lost", severity: "warning", fields: { aside: `${path}.damaged` } },
  ]);
  expect(new UsageFile(directory).read()).toHaveLength(1);
});

import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Closer } from "../../src/base/closer.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { Observer } from "../../src/control/observer.ts";
import { exec } from "../../src/linux/exec.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createMonitor } from "../../src/linux/monitor.ts";
import { createNft } from "../../src/linux/nft.ts";
import type { Observations } from "../../src/netplan/model.ts";
import { TABLE_NAME } from "../../src/netplan/own.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";

let closer: Closer;
let router: KernelState;
let log: MemoryLog;
let seen: Observations;
let pictures: number;

beforeEach(async () => {
  closer = new Closer();
  router = await kernelState(closer, "observed");
  await router.device("wan0", "10.1.0.2/24");
  log = new MemoryLog();
  pictures = 0;
  const observer = new Observer(
    {
      ip: createIpRoute(router.exec),
      monitor: createMonitor({ netns: router.path, table: TABLE_NAME, clock: systemClock, log }),
      clock: systemClock,
      log,
    },
    (observed) => {
      seen = observed;
      pictures += 1;
    },
  );
  closer.add("observer", () => observer.stop());
  seen = await observer.start();
});
afterEach(() => closer.close());

const wan = () => seen.links.find(({ name }) => name === "wan0");
const addresses = () => wan()?.addresses.map(({ address }) => address);

it("sees carrier, addresses and default routes change", async () => {
  expect(wan()).toMatchObject({ up: true, carrier: true });
  expect(addresses()).toContain("10.1.0.2");
  expect(seen.defaultRoutes).toEqual([]);
  await router.ip("route add default via 10.1.0.1 dev wan0");
  await expect.poll(() => seen.defaultRoutes).toMatchObject([{ gateway: "10.1.0.1", device: "wan0" }]);
  await router.ip("link set wan0-peer down");
  await expect.poll(() => wan()).toMatchObject({ up: true, carrier: false });
  await router.ip("link set wan0-peer up");
  await expect.poll(() => wan()?.carrier).toBe(true);
  await router.ip("addr add 10.2.0.2/24 dev wan0");
  await expect.poll(addresses).toContain("10.2.0.2");
});

it("hears of a rule that somebody takes away", async () => {
  await router.ip("rule add priority 77 lookup 99");
  await expect.poll(() => pictures).toBeGreaterThan(0);
  const before = pictures;
  await router.ip("rule del priority 77");
  await expect.poll(() => pictures).toBeGreaterThan(before);
});

it("hears of our table and of no other, nor of what comes and goes in a set", async () => {
  const nft = createNft(router.exec, TABLE_NAME);
  const set = "set s {\n type ipv4_addr\n}\n";
  await router.exec(["nft", "-f", "-"], { input: `table inet other {\n${set}}\n` });
  await nft.replace(`table inet ${TABLE_NAME} {\n${set}}\n`);
  await expect.poll(() => pictures).toBeGreaterThan(0);
  const before = pictures;
  await nft.addElements("s", [{ value: "192.0.2.1" }]);
  await router.exec(["nft", "add element inet other s { 192.0.2.1 }"]);
  await router.exec(["nft", "flush", "ruleset"]);
  await expect.poll(() => pictures).toBe(before + 1);
});

async function monitorPids(): Promise<readonly number[]> {
  const { stdout } = await exec(["ip", "netns", "pids", router.netns]);
  const pids = stdout.trim().split("\n").map(Number);
  expect(pids).toHaveLength(2);
  return pids;
}

it("says nothing of a monitor that a signal to all of us ended first", async () => {
  const pids = await monitorPids();
  for (const pid of pids) process.kill(pid, "SIGTERM");
  // Gone for good: their end has been heard of.
  await expect.poll(() => pids.every(isGone)).toBe(true);
  await closer.close();
  expect(log.lines).toEqual([]);
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

it("goes on when the monitors' processes are killed, and tells what it may have missed", async () => {
  for (const pid of await monitorPids()) process.kill(pid, "SIGKILL");
  const restarts = () => log.lines.filter(({ message }) => message === "a monitor ended, starting it again");
  await expect.poll(restarts, { timeout: 5_000 }).toHaveLength(2);
  await router.ip("link set wan0-peer down");
  await expect.poll(() => wan()?.carrier, { timeout: 5_000 }).toBe(false);
  await router.ip("link set wan0-peer up");
  await expect.poll(() => wan()?.carrier, { timeout: 5_000 }).toBe(true);
});

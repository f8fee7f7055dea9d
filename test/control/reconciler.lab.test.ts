import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import type { Outcome } from "../../src/control/reconciler.ts";
import { exec } from "../../src/linux/exec.ts";
import { createNft } from "../../src/linux/nft.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { TABLE_NAME } from "../../src/netplan/own.ts";
import { planServer } from "../../src/netplan/plan.ts";
import { NEGATIVE_SETS } from "../../src/netplan/ruleset.ts";
import { showStep } from "../../src/netplan/show.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";
import { INTENT, newReconciler, planNow } from "./router-under-test.ts";

let closer: Closer;
let router: KernelState;
let run: string;

const reconciler = () => newReconciler(router.path, run);
const plan = (intent = INTENT) => planNow(router.path, intent);
const commands = (outcome: Outcome): readonly string[] => outcome.done.map(showStep);

/** The outcome's commands, when nothing went wrong. */
function done(outcome: Outcome): readonly string[] {
  expect(outcome.errors).toEqual([]);
  return commands(outcome);
}

beforeEach(async () => {
  closer = new Closer();
  run = mkdtempSync(join(tmpdir(), "sennit-test-"));
  closer.add("run directory", () => rmSync(run, { recursive: true }));
  router = await kernelState(closer, "router");
  await router.device("lan0", "192.168.1.1/24", "2001:db8:100::1/64");
  await router.device("fibre0", "10.1.0.2/24", "2001:db8:1::2/64");
  await router.device("lte0", "203.0.113.2/30");
  await router.ip("route add default via 10.1.0.1 dev fibre0 metric 10");
  await router.ip("route add default via 203.0.113.1 dev lte0 metric 20");
  await router.ip("-6 route add default via fe80::1 dev fibre0");
});
afterEach(() => closer.close());

/** Others who live here too, with whatever resembles ours. */
async function moveIn(): Promise<void> {
  for (const words of [
    "rule add priority 83 fwmark 0x1 lookup 100",
    "rule add priority 8300 from 10.1.0.2 lookup 8301 protocol 84",
    "-6 rule add priority 8320 from 2001:db8:7::/48 lookup 200",
    "rule add priority 40000 iif lan0 ipproto tcp dport 25 blackhole",
    "route add local default dev lo table 100",
    "route add 198.18.0.0/15 via 10.1.0.1 dev fibre0 table 8301 proto 84",
    "-6 route add blackhole 2001:db8:dead::/48",
    "route add 172.20.0.0/16 nexthop via 10.1.0.1 dev fibre0 nexthop via 203.0.113.1 dev lte0 weight 2",
    "mptcp limits set subflow 3 add_addr_accepted 1",
    "mptcp endpoint add 192.168.1.1 dev lan0 id 200 signal",
    "mptcp endpoint add 192.168.1.9 subflow",
  ])
    await router.ip(words);
  await router.exec(["nft", "-f", "-"], {
    input:
      "table inet sennit2 {\n set s {\n type ipv4_addr\n elements = { 192.0.2.1 }\n }\n}\ntable ip nat {\n}\n",
  });
  const sysctl = createSysctl(router.path);
  for (const [key, value] of [
    ["net/ipv4/conf/fibre0/rp_filter", "1"],
    ["net/ipv4/tcp_rmem", "5000 140000 70000000"],
    ["net/ipv4/tcp_wmem", "5000 20000 1000000"],
    ["net/mptcp/close_timeout", "77"],
    ["net/mptcp/pm_type", "1"],
    ["net/ipv6/conf/all/forwarding", "1"],
  ] as const)
    sysctl.set(key, value);
}

/** By what the kernel chooses the paths of other programs' MPTCP connections. */
async function paths(): Promise<readonly (string | undefined)[]> {
  const show = async (what: string) => (await router.exec(["ip", "mptcp", what])).stdout;
  return [await show("endpoint"), await show("limits"), createSysctl(router.path).get("net/mptcp/pm_type")];
}

const nobody = (): Promise<void> => Promise.resolve();

describe.each([
  { where: "alone", neighbours: nobody },
  { where: "among others", neighbours: moveIn },
])("$where", ({ neighbours }) => {
  it("reaches the plan, finds nothing more to do, and leaves everything as it was", async () => {
    await neighbours();
    const before = await router.snapshot();
    const theirs = await paths();
    expect(done(await reconciler().apply(await plan()))).not.toEqual([]);
    expect(await paths()).toEqual(theirs);
    expect(statSync(join(run, "journal.json")).mode & 0o777).toBe(0o600);
    expect(done(await reconciler().apply(await plan()))).toEqual([]);
    done(await reconciler().clean());
    expect(await router.snapshot()).toBe(before);
    expect(done(await reconciler().clean())).toEqual([]);
  });

  it("leaves everything as it was after a kill -9 at any moment", { timeout: 120_000 }, async () => {
    await neighbours();
    const before = await router.snapshot();
    const script = fileURLToPath(new URL("apply-until-killed.ts", import.meta.url));
    let touched = 0;
    // One apply takes some 150 ms, and the two plans take turns: these moments cover both.
    for (let round = 0; round < 16; round += 1) {
      const child = spawn(process.execPath, [script, router.path, run], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      await once(child.stdout, "data");
      await sleep(round * 23);
      child.kill("SIGKILL");
      await exited;
      // What it had running at that moment ends by itself.
      const left = async () => (await exec(["ip", "netns", "pids", router.netns])).stdout;
      await expect.poll(left).toBe("");
      if ((await router.snapshot()) !== before) touched += 1;
      done(await reconciler().clean());
      expect(await router.snapshot()).toBe(before);
    }
    expect(touched).toBeGreaterThan(8);
  });
});

it("sends who is bound to a WAN's device or address out by it, and leaves all others to main", async () => {
  done(await reconciler().apply(await plan()));
  const way = async (words: string): Promise<string> =>
    (await router.exec(["ip", "route", "get", ...words.split(" ")])).stdout;
  expect(await way("192.0.2.1")).toContain("via 10.1.0.1 dev fibre0");
  expect(await way("192.0.2.1 from 203.0.113.2")).toContain("via 203.0.113.1 dev lte0");
  expect(await way("192.0.2.1 oif lte0")).toContain("via 203.0.113.1 dev lte0");
  expect(await way("192.0.2.1 oif lte0")).toContain("src 203.0.113.2");
  expect(await way("192.0.2.1 from 192.168.1.77 iif lan0 mark 0x10000000")).toMatch(
    /^local 192\.0\.2\.1 .*dev lo/,
  );
  expect(await way("192.168.1.77 from 203.0.113.2")).toContain("dev lan0");
  expect(await way("10.1.0.1 from 203.0.113.2")).toContain("dev fibre0");
  expect(await way("2001:db8:9::1 from 2001:db8:1::2")).toContain("via fe80::1 dev fibre0");
  expect(await way("2001:db8:9::1 from 2001:db8:100::7 iif lan0 mark 0x10000000")).toMatch(
    /^local 2001:db8:9::1 .*dev lo/,
  );
  expect(await way("2001:db8:100::7 from 2001:db8:1::2")).toContain("dev lan0");
});

it("takes out a WAN whose cable is pulled, touching nothing of the others, and takes it in again", async () => {
  const control = reconciler();
  done(await control.apply(await plan()));
  await router.ip("link set fibre0-peer down");
  expect(done(await control.apply(await plan()))).toEqual([
    "ip rule del priority 8290 from 10.1.0.2 iif lo ipproto tcp sport 1024-32767 blackhole protocol 83",
    "ip -6 rule del priority 8290 from 2001:db8:1::2 iif lo ipproto tcp sport 1024-32767 blackhole protocol 83",
    "ip route replace default via 203.0.113.1 dev lte0 table 8299 proto 83",
    "ip rule del priority 8300 oif fibre0 lookup 8301 protocol 83",
    "ip rule del priority 8310 from 10.1.0.2 lookup 254 suppress_prefixlength 0 protocol 83",
    "ip rule del priority 8320 from 10.1.0.2 lookup 8301 protocol 83",
    "ip -6 rule del priority 8300 oif fibre0 lookup 8301 protocol 83",
    "ip -6 rule del priority 8310 from 2001:db8:1::2 lookup 254 suppress_prefixlength 0 protocol 83",
    "ip -6 rule del priority 8320 from 2001:db8:1::2 lookup 8301 protocol 83",
    "ip route del default via 10.1.0.1 dev fibre0 table 8301 src 10.1.0.2 initcwnd 30 proto 83",
    "ip route del 10.1.0.0/24 dev fibre0 table 8301 src 10.1.0.2 proto 83",
    "ip -6 route del default via fe80::1 dev fibre0 table 8299 proto 83",
    "ip -6 route del 2001:db8:1::/64 dev fibre0 table 8301 src 2001:db8:1::2 proto 83",
    "ip -6 route del default via fe80::1 dev fibre0 table 8301 src 2001:db8:1::2 initcwnd 30 proto 83",
  ]);
  // Direct traffic fails over inside the kernel: the default route over the dead link does not count.
  const way = await router.exec(["ip", "route", "get", "192.0.2.1"]);
  expect(way.stdout).toContain("dev lte0");
  await router.ip("link set fibre0-peer up");
  expect(done(await control.apply(await plan()))).toHaveLength(14);
  expect(done(await reconciler().apply(await plan()))).toEqual([]);
});

it("follows a WAN to a new address", async () => {
  const control = reconciler();
  done(await control.apply(await plan()));
  await router.ip("addr add 203.0.113.6/30 dev lte0");
  await router.ip("addr del 203.0.113.2/30 dev lte0");
  await router.ip("route replace default via 203.0.113.5 dev lte0 metric 20");
  done(await control.apply(await plan()));
  const { stdout } = await router.exec(["ip", "rule"]);
  expect(stdout).toContain("from 203.0.113.6 lookup 8302");
  expect(stdout).not.toContain("203.0.113.2");
  expect(done(await reconciler().apply(await plan()))).toEqual([]);
});

it("puts back what somebody took away, and leaves the negative cache alone when there is nothing to do", async () => {
  const control = reconciler();
  done(await control.apply(await plan()));
  const nft = createNft(router.exec, TABLE_NAME);
  await nft.addElements(NEGATIVE_SETS.unreachable.inet, [{ value: "192.0.2.1 . 80", timeoutMs: 60_000 }]);
  const whole = await router.snapshot();
  await router.ip("rule del priority 8300 oif lte0");
  await router.ip("route del default table 8302");
  createSysctl(router.path).set("net/ipv4/conf/lte0/rp_filter", "1");
  expect(done(await control.apply(await plan()))).toEqual([
    "sysctl -w net/ipv4/conf/lte0/rp_filter=2",
    "ip route add default via 203.0.113.1 dev lte0 table 8302 src 203.0.113.2 initcwnd 30 proto 83",
    "ip rule add priority 8300 oif lte0 lookup 8302 protocol 83",
  ]);
  const settled = (text: string): string => text.replaceAll(/ expires \w+/g, "");
  expect(settled(await router.snapshot())).toBe(settled(whole));
});

it("reports what is refused and does the rest", async () => {
  await router.ip("route add default via 10.1.0.1 dev fibre0 table 8301 proto 84");
  const before = await router.snapshot();
  const outcome = await reconciler().apply(await plan());
  expect(outcome.errors.map(({ code }) => code)).toEqual(["ip-exists"]);
  expect(commands(outcome)).toContain(
    "ip route add default via 203.0.113.1 dev lte0 table 8302 src 203.0.113.2 initcwnd 30 proto 83",
  );
  // The guards are the last: until the table is there, all that comes in would be dropped.
  const table = commands(outcome).findIndex((command) => command.includes("replace table inet sennit"));
  expect(table).toBeGreaterThan(0);
  expect(commands(outcome).findIndex((command) => command.includes(" blackhole protocol "))).toBe(table + 1);
  done(await reconciler().clean());
  expect(await router.snapshot()).toBe(before);
});

it("runs one at a time, in the order asked for", async () => {
  const control = reconciler();
  const desired = await plan();
  const before = await router.snapshot();
  const outcomes = await Promise.all([
    control.apply(desired),
    control.clean(),
    control.apply(desired),
    control.clean(),
  ]);
  for (const outcome of outcomes) expect(done(outcome)).not.toEqual([]);
  expect(await router.snapshot()).toBe(before);
});

it("brings a server to its plan and back", async () => {
  const before = await router.snapshot();
  const desired = planServer();
  expect(done(await reconciler().apply(desired))).toContain(
    "ip mptcp limits set subflow 8 add_addr_accepted 0",
  );
  expect(done(await reconciler().apply(desired))).toEqual([]);
  done(await reconciler().clean());
  expect(await router.snapshot()).toBe(before);
});

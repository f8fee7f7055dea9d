import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryLog } from "../base/log.ts";
import { SennitError } from "../base/errors.ts";
import { FakeKernel } from "../linux/fake/kernel.ts";
import type { RouterIntent } from "../netplan/model.ts";
import { TABLE_NAME } from "../netplan/own.ts";
import { planRouter } from "../netplan/plan.ts";
import { showStep } from "../netplan/show.ts";
import { Journal } from "./journal.ts";
import { observe } from "./observer.ts";
import { Reconciler, type ReconcilerDeps } from "./reconciler.ts";

const INTENT: RouterIntent = {
  lan: ["lan0"],
  wans: [{ name: "fibre", device: "wan0", role: "active" }],
  relayPorts: { inet: 5000, inet6: 5000 },
  serverAddresses: ["198.51.100.1"],
  onFailure: "open",
};

let directory: string;
let kernel: FakeKernel;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-reconciler-"));
  kernel = new FakeKernel(TABLE_NAME);
  kernel.addDevice("lan0", "192.168.1.1/24");
  kernel.addDevice("wan0", "10.1.0.2/24");
  const way = {
    family: "inet",
    type: "unicast",
    table: 254,
    destination: "default",
    device: "wan0",
  } as const;
  await kernel.ip.run([
    { object: "route", verb: "add", value: { ...way, gateway: "10.1.0.1", protocol: 4 } },
  ]);
});
afterEach(() => rmSync(directory, { recursive: true }));

const reconciler = (other: Partial<ReconcilerDeps> = {}): Reconciler =>
  new Reconciler({
    nft: kernel.nft,
    ip: kernel.ip,
    sysctl: kernel.sysctl,
    journal: new Journal(join(directory, "journal.json"), "here"),
    log: new MemoryLog(),
    ...other,
  });
const plan = async () => planRouter(INTENT, await observe(kernel.ip));
const broken = (what: string) => (): never => {
  throw new SennitError("kernel", "exec-missing", `${what} is not installed`);
};
const state = async () => ({
  table: await kernel.nft.table(),
  rules: await kernel.ip.rules(),
  routes: await kernel.ip.routes(),
  limits: await kernel.ip.limits(),
  settings: (await plan()).sysctls.map(({ key }) => kernel.sysctl.get(key)),
});

test("reaches the plan in one go, and has nothing to do after that", async () => {
  const before = await state();
  const first = await reconciler().apply(await plan());
  expect(first).toMatchObject({ errors: [], absent: [] });
  expect((await reconciler().apply(await plan())).done).toEqual([]);
  expect(await reconciler().clean()).toMatchObject({ errors: [] });
  expect(await state()).toEqual(before);
});

test("without nft, the rest is done and the error told", async () => {
  const nft = {
    table: broken("nft"),
    replace: broken("nft"),
    remove: broken("nft"),
    addElements: broken("nft"),
  };
  const outcome = await reconciler({ nft }).apply(await plan());
  expect(outcome.errors).toMatchObject([{ code: "exec-missing" }]);
  expect((await kernel.ip.rules()).filter(({ oif }) => oif === "wan0")).toHaveLength(1);
  expect(kernel.sysctl.get("net/ipv4/conf/wan0/rp_filter")).toBe("2");
});

test("what cannot be noted is not changed, what needs no note is", async () => {
  writeFileSync(join(directory, "journal.json"), "not ours");
  const outcome = await reconciler().apply(await plan());
  expect(outcome.errors.map(({ code }) => code)).toEqual(["journal-unreadable"]);
  expect(kernel.sysctl.get("net/ipv4/conf/wan0/rp_filter")).toBe("0");
  expect(await kernel.nft.table()).toContain("tproxy");
});

test("names the settings that this kernel does not have", async () => {
  const sysctl = {
    get: (key: string) => (key.includes("force_forwarding") ? undefined : kernel.sysctl.get(key)),
    set: (key: string, value: string) => kernel.sysctl.set(key, value),
  };
  const outcome = await reconciler({ sysctl }).apply(await plan());
  expect(outcome.errors).toEqual([]);
  expect(outcome.absent).toEqual([
    "net/ipv6/conf/lan0/force_forwarding",
    "net/ipv6/conf/wan0/force_forwarding",
  ]);
});

test("a WAN that is no longer ours gets its settings back at once", async () => {
  kernel.sysctl.set("net/ipv4/conf/wan0/rp_filter", "1");
  await reconciler().apply(await plan());
  const without = planRouter({ ...INTENT, wans: [] }, await observe(kernel.ip));
  expect(await reconciler().apply(without)).toMatchObject({ errors: [] });
  expect(kernel.sysctl.get("net/ipv4/conf/wan0/rp_filter")).toBe("1");
  expect(kernel.sysctl.get("net/ipv4/conf/lan0/forwarding")).toBe("1");
  expect((await reconciler().apply(without)).done).toEqual([]);
});

test("a journal stays until everything is back", async () => {
  await reconciler().apply(await plan());
  const sysctl = { get: (key: string) => kernel.sysctl.get(key), set: broken("sysctl") };
  expect((await reconciler({ sysctl }).clean()).errors.length).toBeGreaterThan(1);
  expect(kernel.sysctl.get("net/mptcp/close_timeout")).toBe("3600");
  expect((await reconciler().clean()).errors).toEqual([]);
  expect(kernel.sysctl.get("net/mptcp/close_timeout")).toBe("60");
});

test("a table that nft spells in its own way is loaded once", async () => {
  const nft = {
    table: async () => (await kernel.nft.table())?.replaceAll("meta l4proto tcp", "ip protocol tcp"),
    replace: (text: string) => kernel.nft.replace(text),
    remove: () => kernel.nft.remove(),
    addElements: kernel.nft.addElements,
  };
  const control = reconciler({ nft });
  expect((await control.apply(await plan())).done.map(showStep)).toContain(
    "nft -f - # replace table inet sennit",
  );
  expect((await control.apply(await plan())).done).toEqual([]);
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { driverOf } from "../../src/linux/ethtool.ts";
import { inNetns } from "../../src/linux/netns.ts";
import { createSettings } from "../../src/linux/settings.ts";
import type { RouterIntent, WanIntent } from "../../src/netplan/model.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";
import { INTENT, newReconciler, planNow } from "./router-under-test.ts";

/*
 *   [router] wan0 -- wan0-peer: a device whose own settings a plan changes
 */
let closer: Closer;
let router: KernelState;
let run: string;

beforeEach(async () => {
  closer = new Closer();
  run = mkdtempSync(join(tmpdir(), "sennit-test-"));
  closer.add("run directory", () => rmSync(run, { recursive: true }));
  router = await kernelState(closer, "link");
  await router.device("lan0", "192.168.1.1/24");
  await router.device("wan0");
  await router.ip("link set wan0 down");
});
afterEach(() => closer.close());

const WAN: WanIntent = {
  name: "wan",
  device: "wan0",
  role: "active",
  gateway: "10.1.0.1",
  managed: { addresses: ["10.1.0.2/24"], announced: false },
  link: { mtu: 1400, mac: "02:00:5e:10:00:07", offloads: { gro: "on", tx: "off" } },
};
const intent: RouterIntent = { ...INTENT, wans: [WAN] };

const device = async (): Promise<string> => {
  const link = await router.exec(["ip", "-o", "link", "show", "dev", "wan0"]);
  const offloads = await router.exec(["ethtool", "-k", "wan0"]);
  // The kernel's word for how a cable comes up changes for a moment.
  return `${link.stdout.replace(/ state \w+/, "")}${offloads.stdout}`;
};

test("a device is as the plan has it, and after a kill as it was before", async () => {
  const before = await device();
  const reconciler = newReconciler(router.path, run);
  expect((await reconciler.apply(await planNow(router.path, intent))).errors).toEqual([]);
  const changed = await device();
  expect(changed).toMatch(/,UP.* mtu 1400 .*link\/ether 02:00:5e:10:00:07/s);
  expect(changed).toMatch(/generic-receive-offload: on/);
  expect(changed).toMatch(/tx-checksumming: off/);
  // Now that it is on: the routes.
  expect((await reconciler.apply(await planNow(router.path, intent))).errors).toEqual([]);

  expect((await newReconciler(router.path, run).clean()).errors).toEqual([]);
  expect(await device()).toBe(before);
});

test("what a device is not, or cannot do, is refused by name", () => {
  const settings = createSettings(router.path);
  expect(settings.get("link/gone0/mtu")).toBeUndefined();
  expect(settings.get("offload/gone0/gro")).toBeUndefined();
  expect(() => settings.set("link/wan0/mtu", "20")).toThrow(expect.objectContaining({ code: "EINVAL" }));
  expect(() => settings.set("link/gone0/up", "1")).toThrow(expect.objectContaining({ code: "ENODEV" }));
  expect(inNetns(router.path, () => [driverOf("wan0"), driverOf("gone0")])).toEqual(["veth", undefined]);
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createNft } from "../../src/linux/nft.ts";
import { createSettings } from "../../src/linux/settings.ts";
import { sameText } from "../../src/netplan/diff.ts";
import type { DesiredState } from "../../src/netplan/model.ts";
import { isOurMetric, PROTOCOL, TABLE_NAME } from "../../src/netplan/own.ts";
import { showState, showStep } from "../../src/netplan/show.ts";
import { newReconciler, planNow } from "../control/router-under-test.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";
import { GOLDEN_CASES } from "./cases.ts";
import { addDefaults, type GoldenCase } from "./goldencase.ts";
import { CHANGES } from "./variations.ts";

let closer: Closer;
let router: KernelState;
let run: string;

beforeEach(async () => {
  closer = new Closer();
  run = mkdtempSync(join(tmpdir(), "sennit-test-"));
  closer.add("run directory", () => rmSync(run, { recursive: true }));
  router = await kernelState(closer, "golden");
});
afterEach(() => closer.close());

/** What is ours in the kernel, put together from what the tools print. */
async function readBack(desired: DesiredState): Promise<DesiredState> {
  const ip = createIpRoute(router.exec);
  const sysctl = createSettings(router.path);
  const table = await createNft(router.exec, TABLE_NAME).table();
  return {
    nft: desired.nft !== undefined && sameText(desired.nft, table) ? desired.nft : table,
    addresses: (await ip.links()).flatMap(({ name, addresses }) =>
      addresses.flatMap(({ family, address, prefixLength, metric }) =>
        isOurMetric(metric) ? [{ device: name, family, address, prefixLength, metric: metric ?? 0 }] : [],
      ),
    ),
    rules: (await ip.rules()).filter(({ protocol }) => protocol === PROTOCOL),
    kernelRules: desired.kernelRules,
    routes: (await ip.routes()).filter(({ protocol }) => protocol === PROTOCOL),
    mptcpLimits: desired.mptcpLimits,
    sysctls: desired.sysctls.map((wish) => {
      const value = (sysctl.get(wish.key) ?? "absent").replaceAll("\t", " ");
      return "value" in wish
        ? { key: wish.key, value }
        : { key: wish.key, lastAtLeast: Number(value.split(/\s+/).at(-1)) };
    }),
    problems: desired.problems,
  };
}

/** The kernel lists rules and routes in an order of its own. */
const sorted = (text: string): readonly string[] => text.split("\n").sort();

const golden = (name: string): string =>
  readFileSync(new URL(`../../src/netplan/golden/${name}.txt`, import.meta.url), "utf8");

async function build(router: KernelState, golden: GoldenCase): Promise<void> {
  for (const [device, addresses] of Object.entries(golden.devices)) await router.device(device, ...addresses);
  await addDefaults(createIpRoute(router.exec), golden);
  for (const device of golden.unplugged ?? []) await router.ip(`link set ${device}-peer down`);
}

test.each(GOLDEN_CASES)("$name is what the kernel takes and gives back", async (one) => {
  await build(router, one);
  const desired = await planNow(router.path, one.intent);
  const text = golden(one.name);
  expect(showState(desired)).toBe(text);

  const control = newReconciler(router.path, run);
  expect((await control.apply(desired)).errors).toEqual([]);
  expect(sorted(showState(await readBack(desired)))).toEqual(sorted(text));
  expect(await newReconciler(router.path, run).apply(desired)).toEqual({ done: [], errors: [], absent: [] });
});

test.each(CHANGES)(
  "$name takes these steps and no more",
  async ({ name, before, devices, defaults, wans }) => {
    await build(router, before);
    const control = newReconciler(router.path, run);
    expect((await control.apply(await planNow(router.path, before.intent))).errors).toEqual([]);
    for (const [device, addresses] of Object.entries(devices)) {
      await router.ip(`addr flush dev ${device}`);
      for (const address of addresses)
        await router.ip(`addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
    }
    await addDefaults(createIpRoute(router.exec), { defaults });

    const desired = await planNow(router.path, { ...before.intent, wans: wans ?? before.intent.wans });
    const { done, errors } = await control.apply(desired);
    expect(errors).toEqual([]);
    expect(sorted(done.map(showStep).join("\n"))).toEqual(sorted(golden(`changes/${name}`).trimEnd()));
    expect((await control.preview(desired)).steps).toEqual([]);
  },
);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { GOLDEN_CASES } from "../../test/netplan/cases.ts";
import { addDefaults, type GoldenCase } from "../../test/netplan/goldencase.ts";
import { CHANGES } from "../../test/netplan/variations.ts";
import { MemoryLog } from "../base/log.ts";
import { Journal } from "../control/journal.ts";
import { observe } from "../control/observer.ts";
import { Reconciler } from "../control/reconciler.ts";
import { FakeKernel } from "../linux/fake/kernel.ts";
import { TABLE_NAME } from "./own.ts";
import { planRouter, planServer } from "./plan.ts";
import { showState, showStep } from "./show.ts";

const run = mkdtempSync(join(tmpdir(), "sennit-golden-"));
afterAll(() => rmSync(run, { recursive: true }));

/*
 * What is wanted and observed in, the full text of the kernel's state out: test/netplan/cases.ts -> golden/NAME.txt; and of
 * what changes while the router runs, the steps: golden/changes/NAME.txt. `node --run golden` writes all of them anew: look at
 * the difference.
 */
async function kernelOf(golden: GoldenCase): Promise<FakeKernel> {
  const kernel = new FakeKernel(TABLE_NAME);
  for (const [device, addresses] of Object.entries(golden.devices)) kernel.addDevice(device, ...addresses);
  await addDefaults(kernel.ip, golden);
  for (const device of golden.unplugged ?? []) kernel.setCarrier(device, false);
  return kernel;
}

test.each(GOLDEN_CASES)("$name", async (golden) => {
  const kernel = await kernelOf(golden);
  const plan = planRouter(golden.intent, await observe(kernel.ip));
  await expect(showState(plan)).toMatchFileSnapshot(`golden/${golden.name}.txt`);
});

test.each(CHANGES)("a router changes: $name", async ({ name, before, devices, defaults, wans }) => {
  const kernel = await kernelOf(before);
  const { nft, ip, sysctl } = kernel;
  const journal = new Journal(join(run, `${name}.json`), "here");
  const control = new Reconciler({ nft, ip, sysctl, journal, log: new MemoryLog() });
  const first = planRouter(before.intent, await observe(ip));
  expect((await control.apply(first)).errors).toEqual([]);
  for (const [device, addresses] of Object.entries(devices)) {
    // As a DHCP client does it that knows nothing of the address before.
    kernel.setAddresses(device);
    kernel.setAddresses(device, ...addresses);
  }
  await addDefaults(ip, { defaults });
  const intent = { ...before.intent, wans: wans ?? before.intent.wans };
  const then = planRouter(intent, await observe(ip));
  const { steps, errors } = await control.preview(then);
  expect(errors).toEqual([]);
  await expect(`${steps.map(showStep).join("\n")}\n`).toMatchFileSnapshot(`golden/changes/${name}.txt`);
});

test("server", async () => {
  await expect(showState(planServer())).toMatchFileSnapshot("golden/server.txt");
});

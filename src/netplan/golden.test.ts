import { expect, test } from "vitest";
import { addDefaults, GOLDEN_CASES } from "../../test/netplan/cases.ts";
import { observe } from "../control/observer.ts";
import { FakeKernel } from "../linux/fake/kernel.ts";
import { TABLE_NAME } from "./own.ts";
import { planRouter, planServer } from "./plan.ts";
import { showState } from "./show.ts";

/* What is wanted and observed in, the full text of the kernel's state out: test/netplan/cases.ts -> golden/*.txt. */
test.each(GOLDEN_CASES)("$name", async (golden) => {
  const kernel = new FakeKernel(TABLE_NAME);
  for (const [device, addresses] of Object.entries(golden.devices)) kernel.addDevice(device, ...addresses);
  await addDefaults(kernel.ip, golden);
  for (const device of golden.unplugged ?? []) kernel.setCarrier(device, false);
  const plan = planRouter(golden.intent, await observe(kernel.ip));
  await expect(showState(plan)).toMatchFileSnapshot(`golden/${golden.name}.txt`);
});

test("server", async () => {
  await expect(showState(planServer())).toMatchFileSnapshot("golden/server.txt");
});

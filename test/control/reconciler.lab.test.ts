import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { Journal } from "../../src/control/journal.ts";
import { Reconciler, type Outcome } from "../../src/control/reconciler.ts";
import { observe } from "../../src/control/observer.ts";
import { namespaceIdentity } from "../../src/linux/identity.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createNft } from "../../src/linux/nft.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import type { RouterIntent } from "../../src/netplan/model.ts";
import { TABLE_NAME } from "../../src/netplan/own.ts";
import { planRouter } from "../../src/netplan/plan.ts";
import { showStep } from "../../src/netplan/show.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";

/*
 *   LAN 192.168.1.0/24 -- lan0 [router] fibre0 -- 10.1.0.1, fe80::1
 *                                       lte0   -- 203.0.113.1
 */
const INTENT: RouterIntent = {
  lan: ["lan0"],
  wans: [
    { name: "fibre", device: "fibre0", role: "active" },
    { name: "lte", device: "lte0", role: "active" },
  ],
  relayPorts: { inet: 5000, inet6: 5000 },
  serverAddresses: ["198.51.100.1", "2001:db8:5::1"],
  onFailure: "open",
};

let closer: Closer;
let router: KernelState;
let run: string;

const reconciler = (): Reconciler =>
  new Reconciler({
    nft: createNft(router.exec, TABLE_NAME),
    ip: createIpRoute(router.exec),
    sysctl: createSysctl(router.path),
    journal: new Journal(join(run, "journal.json"), namespaceIdentity(router.path)),
    log: new MemoryLog(),
  });
const plan = async (intent = INTENT) => planRouter(intent, await observe(createIpRoute(router.exec)));
const commands = (outcome: Outcome): readonly string[] => outcome.done.map(showStep);

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

describe("on a kernel where nobody else works", () => {
  it("reaches the plan, finds nothing more to do, and leaves everything as it was", async () => {
    const before = await router.snapshot();
    const first = await reconciler().apply(await plan());
    expect(first.errors).toEqual([]);
    expect(first.absent).toEqual([]);
    expect(await router.snapshot()).not.toBe(before);

    const again = await reconciler().apply(await plan());
    expect({ done: commands(again), errors: again.errors }).toEqual({ done: [], errors: [] });

    const cleaned = await reconciler().clean();
    expect(cleaned.errors).toEqual([]);
    expect(await router.snapshot()).toBe(before);
    expect(commands(await reconciler().clean())).toEqual([]);
  });
});

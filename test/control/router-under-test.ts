import { join } from "node:path";
import { MemoryLog } from "../../src/base/log.ts";
import { Journal } from "../../src/control/journal.ts";
import { observe } from "../../src/control/observer.ts";
import { Reconciler } from "../../src/control/reconciler.ts";
import { exec, inNamespace } from "../../src/linux/exec.ts";
import { namespaceIdentity } from "../../src/linux/identity.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createNft } from "../../src/linux/nft.ts";
import { createSettings } from "../../src/linux/settings.ts";
import type { DesiredState, RouterIntent } from "../../src/netplan/model.ts";
import { TABLE_NAME } from "../../src/netplan/own.ts";
import { planRouter } from "../../src/netplan/plan.ts";

/*
 *   LAN 192.168.1.0/24 -- lan0 [router] fibre0 -- 10.1.0.1, fe80::1
 *                                       lte0   -- 203.0.113.1
 */
export const INTENT: RouterIntent = {
  lan: ["lan0"],
  wans: [
    { name: "fibre", device: "fibre0", role: "active" },
    { name: "lte", device: "lte0", role: "active" },
  ],
  relayPorts: { inet: 5000, inet6: 5000 },
  serverAddresses: ["198.51.100.1", "2001:db8:5::1"],
  onFailure: "open",
};

/** As after a start: a new reconciler on what kernel and journal hold. */
export function newReconciler(netns: string, run: string): Reconciler {
  const inside = inNamespace(exec, netns);
  return new Reconciler({
    nft: createNft(inside, TABLE_NAME),
    ip: createIpRoute(inside),
    sysctl: createSettings(netns),
    journal: new Journal(join(run, "journal.json"), namespaceIdentity(netns)),
    log: new MemoryLog(),
  });
}

export async function planNow(netns: string, intent = INTENT): Promise<DesiredState> {
  return planRouter(intent, await observe(createIpRoute(inNamespace(exec, netns))));
}

import { loadRouterConfig } from "../../src/config/router.ts";
import { observe } from "../../src/control/observer.ts";
import type { Pair } from "../../src/lab/pair.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { diff } from "../../src/netplan/diff.ts";
import { planRouter } from "../../src/netplan/plan.ts";
import { showStep } from "../../src/netplan/show.ts";
import { findDevices } from "../../src/router/devices.ts";
import { routerIntent } from "../../src/router/intent.ts";
import { WanLeaseFile } from "../../src/store/wanleases.ts";
import { newWan } from "../../src/wan/supervisor.ts";

/**
 * What of the router's addresses, rules and routes is not as the plan for its config file wants it for what the kernel has
 * and the DHCP servers gave by now, as commands. Looks from outside: the router is asked only which WANs it takes for dead.
 */
export async function wrongInKernel(pair: Pair): Promise<readonly string[]> {
  const tool = createIpRoute(pair.lab.exec("router"));
  const config = await loadRouterConfig(pair.configFile("router"));
  const leases = new WanLeaseFile(config.directories.run).read(Date.now());
  const [observed, rules, routes, status] = await Promise.all([
    observe(tool),
    tool.rules(),
    tool.routes(),
    pair.status("router"),
  ]);
  const intent = routerIntent(config, {
    // Which ports they are is all the same to rules and routes.
    ports: { v4: 1, v6: 1 },
    serverAddresses: [],
    devices: findDevices(config.wans, observed.links, () => undefined).devices,
    leases: new Map(leases.map((lease) => [lease.wan, lease])),
    stateOf: (name) => {
      const state = status.wans.find((wan) => wan.name === name)?.state.name;
      return { ...newWan(0), ...(state !== undefined && { name: state }) };
    },
  });
  const actual = {
    nft: undefined,
    links: observed.links,
    rules,
    routes,
    mptcpLimits: undefined,
    sysctls: new Map(),
  };
  const steps = diff(planRouter(intent, observed), actual);
  return steps.filter((step) => step.do === "ip" && step.change.object !== "limits").map(showStep);
}

import type { MptcpLimits } from "../linux/iproute.ts";
import type { DesiredState, MptcpSettings, Observations, RouterIntent } from "./model.ts";
import { plannedAddresses } from "./addresses.ts";
import { KERNEL_RULES } from "./kernelrules.ts";
import { usablePaths } from "./paths.ts";
import { directRouting } from "./direct.ts";
import { guardRules } from "./guard.ts";
import { relayRouting, wanRouting } from "./routing.ts";
import { renderRuleset } from "./ruleset.ts";
import { routerSysctls, serverSysctls } from "./sysctls.ts";

/** What the kernel of a router should hold, from what is wanted and what is there. Pure. */
export function planRouter(intent: RouterIntent, observed: Observations): DesiredState {
  const { paths, problems } = usablePaths(intent, observed);
  const relay = relayRouting(intent);
  const wans = wanRouting(paths);
  const direct = directRouting(intent, paths);
  return {
    nft: renderRuleset(intent, observed),
    addresses: plannedAddresses(intent),
    rules: [...relay.rules, ...guardRules(intent, observed, paths), ...wans.rules, ...direct.rules],
    kernelRules: KERNEL_RULES,
    routes: [...relay.routes, ...wans.routes, ...direct.routes],
    mptcpLimits: undefined,
    sysctls: routerSysctls(intent),
    problems,
  };
}

/**
 * A server takes in as many subflows as the kernel counts to (MPTCP_SUBFLOWS_MAX in net/mptcp/protocol.h, up to 6.18),
 * and follows nobody's announcements: its peers are behind NATs.
 */
const SERVER_LIMITS: MptcpLimits = { subflows: 8, addAddrAccepted: 0 };

/** What the kernel of a server should hold: it has no WANs to choose from, so only MPTCP and TCP settings. */
export function planServer(mptcp?: MptcpSettings): DesiredState {
  return {
    nft: undefined,
    addresses: [],
    rules: [],
    kernelRules: [],
    routes: [],
    mptcpLimits: SERVER_LIMITS,
    sysctls: serverSysctls(mptcp),
    problems: [],
  };
}

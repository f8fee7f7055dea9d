import type { DesiredState, Observations, RouterIntent } from "./model.ts";
import { SERVER_MPTCP } from "./mptcp.ts";
import { usablePaths } from "./paths.ts";
import { relayRouting, wanRouting } from "./routing.ts";
import { renderRuleset } from "./ruleset.ts";
import { routerSysctls, serverSysctls } from "./sysctls.ts";

/** What the kernel of a router should hold, from what is wanted and what is there. Pure. */
export function planRouter(intent: RouterIntent, observed: Observations): DesiredState {
  const { paths, problems } = usablePaths(intent, observed);
  const relay = relayRouting(intent.relayPorts);
  const wans = wanRouting(paths);
  return {
    nft: renderRuleset(intent, observed),
    rules: [...relay.rules, ...wans.rules],
    routes: [...relay.routes, ...wans.routes],
    mptcp: { limits: undefined, endpoints: [] },
    sysctls: routerSysctls(intent),
    problems: problems,
  };
}

/** What the kernel of a server should hold: it has no WANs to choose from, so only MPTCP and TCP settings. */
export function planServer(): DesiredState {
  return {
    nft: undefined,
    rules: [],
    routes: [],
    mptcp: SERVER_MPTCP,
    sysctls: serverSysctls(),
    problems: [],
  };
}

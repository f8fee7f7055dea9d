import type { Endpoint, EndpointFlag, MptcpLimits } from "../linux/iproute.ts";
import type { DesiredState, Problem, RouterIntent } from "./model.ts";
import { ENDPOINT_IDS } from "./own.ts";
import type { WanPath } from "./paths.ts";
import { familyOf } from "./prefix.ts";

/** Subflows, endpoints and limits end at 8 up to Linux 6.18 (MPTCP_SUBFLOWS_MAX, MPTCP_PM_ADDR_MAX in net/mptcp). */
const KERNEL_MAX = 8;

/** Two ids for every WAN, one per family, so that a WAN keeps its ids when another comes or goes. */
const endpointId = ({ index, family }: WanPath): number =>
  ENDPOINT_IDS.first + 2 * index + (family === "inet" ? 0 : 1);

/** Every WAN address may carry subflows of every MPTCP connection. */
export function routerMptcp(
  intent: RouterIntent,
  paths: readonly WanPath[],
): { readonly mptcp: DesiredState["mptcp"]; readonly problems: readonly Problem[] } {
  const reachable = paths.filter(({ family, twin }) => !twin && serverHas(intent, family));
  const limits: MptcpLimits = {
    subflows: KERNEL_MAX,
    // Following announcements makes us connect to whatever any peer names, so only where our own server has something to announce.
    addAddrAccepted: intent.serverAddresses.length > 1 ? KERNEL_MAX : 0,
  };
  return {
    mptcp: {
      limits,
      endpoints: reachable.slice(0, KERNEL_MAX).map((path): Endpoint => ({
        id: endpointId(path),
        address: path.address.address,
        device: path.wan.device,
        flags: flagsOf(intent, path),
      })),
    },
    problems: reachable.slice(KERNEL_MAX).map(({ wan, address }): Problem => ({
      code: "too-many-endpoints",
      wan: wan.name,
      message: `the kernel takes ${KERNEL_MAX} MPTCP endpoints: ${address.address} of WAN ${wan.name} is left out`,
    })),
  };
}

/** A path of a family that the server lacks leads nowhere, and would take one of 8 places. */
const serverHas = (intent: RouterIntent, family: WanPath["family"]): boolean =>
  intent.serverAddresses.length === 0 ||
  intent.serverAddresses.some((address) => familyOf(address) === family);

/**
 * `fullmesh` only where the family is not the first subflow's: an announced address of that family is joined from all
 * `fullmesh` endpoints, but else from whatever the default route gives. For the first subflow's family it would double
 * every path.
 */
function flagsOf(intent: RouterIntent, { wan, family }: WanPath): readonly EndpointFlag[] {
  const [first] = intent.serverAddresses;
  return [
    "subflow",
    ...(wan.role === "backup" ? (["backup"] as const) : []),
    ...(first !== undefined && familyOf(first) !== family ? (["fullmesh"] as const) : []),
  ];
}

/** A server waits for subflows and follows nobody's announcements: its peers are behind NATs. */
export const SERVER_MPTCP: DesiredState["mptcp"] = {
  limits: { subflows: KERNEL_MAX, addAddrAccepted: 0 },
  endpoints: [],
};

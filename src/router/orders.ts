import { availableParallelism } from "node:os";
import type { RouterConfig } from "../config/router.ts";
import type { DataReport, Orders, RouterOrders } from "../control/messages.ts";
import { usualWorkers } from "../control/shard.ts";
import type { WanPath } from "../netplan/paths.ts";
import type { WanStateName } from "../wan/supervisor.ts";
import type { Membership } from "./membership.ts";

export interface OrdersBasis {
  readonly config: RouterConfig;
  readonly membership: Membership;
  /** The WANs that can carry as far as the kernel is concerned. */
  readonly paths: readonly WanPath[];
  readonly stateOf: (wan: string) => WanStateName;
  /** Whether a WAN is not to be used while there are others. */
  readonly leavesOut: (wan: string) => boolean;
  readonly ports: DataReport["intercepting"];
}

/** What the data process is to do. */
export function ordersOf({
  config,
  membership,
  paths,
  stateOf,
  leavesOut,
  ports,
}: OrdersBasis): RouterOrders {
  return {
    role: "router",
    ...membership,
    endpoints: [...membership.endpoints],
    ways: waysOf(paths, stateOf, leavesOut),
    workers: config.relay.workers ?? usualWorkers(availableParallelism()),
    carriers: config.relay.carriers,
    maxCarriers: config.relay.maxCarriers,
    graceMs: config.relay.grace,
    ports,
  };
}

/**
 * The ways out, those that are to be dialled first in front. One that is down stays among them: the data process alone
 * finds out that it is back. One that is left out stays as a backup, so that it is there at once when the others go.
 */
function waysOf(
  paths: readonly WanPath[],
  stateOf: OrdersBasis["stateOf"],
  leavesOut: OrdersBasis["leavesOut"],
): RouterOrders["ways"] {
  const ways = paths
    .filter(({ wan }) => stateOf(wan.name) !== "over-quota")
    .map(({ wan, address, twin }) => ({
      name: wan.name,
      localAddress: address.address,
      backup: wan.role === "backup" || leavesOut(wan.name),
      ...(twin && { device: wan.device }),
    }));
  return ways.toSorted((a, b) => Number(a.backup) - Number(b.backup));
}

/** For flows that are there already no carrier need be kept warm: one for each thread is enough. */
export const withFewCarriers = (orders: Orders): Orders =>
  orders.role === "router" ? { ...orders, carriers: Math.min(orders.carriers, orders.workers) } : orders;

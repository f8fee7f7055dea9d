import type { Family, NextHop, Route, Rule } from "../linux/iproute.ts";
import { markedWans } from "./firewall.ts";
import type { RouterIntent } from "./model.ts";
import {
  MARK_SEEN,
  MARK_WAN_MASK,
  PRIORITY,
  PROTOCOL,
  RT_TABLE_DIRECT,
  RT_TABLE_FIRST_WAN,
  RT_TABLE_MAIN,
} from "./own.ts";
import type { WanPath } from "./paths.ts";
import type { Routing } from "./routing.ts";

const FAMILIES: readonly Family[] = ["inet", "inet6"];
const SEEN = { value: MARK_SEEN, mask: MARK_SEEN } as const;

/**
 * The way of what the relay does not take: new flows spread over the WANs by weight, a flow that has begun stays where
 * it is. The rules are the same whatever WAN comes or goes; only the routes change.
 */
export function directRouting(intent: RouterIntent, paths: readonly WanPath[]): Routing {
  return {
    rules: FAMILIES.flatMap((family) => directRules(intent, family)),
    routes: FAMILIES.flatMap((family) => {
      const hops = nextHops(chooseDirect(paths.filter((path) => path.family === family)));
      return hops.length === 0 ? [] : [directRoute(family, hops)];
    }),
  };
}

function directRules(intent: RouterIntent, family: Family): readonly Rule[] {
  const common = { family, protocol: PROTOCOL } as const;
  return [
    {
      ...common,
      priority: PRIORITY.directNear,
      fwmark: SEEN,
      table: RT_TABLE_MAIN,
      suppressPrefixLength: 0,
    },
    ...markedWans(intent).map(({ index, mark }) => ({
      ...common,
      priority: PRIORITY.directBegun,
      fwmark: { value: mark, mask: MARK_WAN_MASK },
      table: RT_TABLE_FIRST_WAN + index,
    })),
    { ...common, priority: PRIORITY.direct, fwmark: SEEN, table: RT_TABLE_DIRECT },
  ];
}

/**
 * The active WANs that carry; without one the backups that do. Where nobody is said to carry, those that the kernel can
 * use: something may get through, and nothing certainly does not.
 */
export function chooseDirect(paths: readonly WanPath[]): readonly WanPath[] {
  const carrying = paths.filter(({ wan }) => wan.carries !== false);
  const usable = carrying.length > 0 ? carrying : paths;
  const active = usable.filter(({ wan }) => wan.role === "active");
  return active.length > 0 ? active : usable;
}

/** The kernel takes no IPv6 way without a gateway among several. */
function nextHops(paths: readonly WanPath[]): readonly NextHop[] {
  const withGateway = paths.filter(({ family, gateway }) => family === "inet" || gateway !== undefined);
  return (withGateway.length > 0 ? withGateway : paths.slice(0, 1)).map(
    ({ wan, gateway, onlink }): NextHop => ({
      device: wan.device,
      weight: wan.weight ?? 1,
      ...(gateway !== undefined && { gateway }),
      ...(onlink && { onlink }),
    }),
  );
}

function directRoute(family: Family, hops: readonly NextHop[]): Route {
  const common = {
    family,
    type: "unicast",
    table: RT_TABLE_DIRECT,
    destination: "default",
    protocol: PROTOCOL,
  } as const;
  const [only] = hops;
  if (hops.length > 1 || only === undefined) return { ...common, nextHops: hops };
  const { weight: _, ...way } = only;
  return { ...common, ...way };
}

import type { Family, Route, Rule } from "../linux/iproute.ts";
import type { RouterIntent } from "./model.ts";
import {
  MARK,
  METRIC_BACKUP,
  METRIC_FIRST_WAN,
  METRIC_NOT_CARRYING,
  PRIORITY,
  PROTOCOL,
  RT_TABLE_FIRST_WAN,
  RT_TABLE_MAIN,
  RT_TABLE_RELAY,
} from "./own.ts";
import type { WanPath } from "./paths.ts";
import { networkOf } from "./prefix.ts";

export interface Routing {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
}

/**
 * Segments that may leave before the first acknowledgement. RFC 6928's 10 is meant for one connection of a stranger; a
 * carrier stands for hundreds of them. 30 of 1400 bytes are 42 KB, which the smallest queue we expect (64 KB) holds.
 */
const INITCWND_SEGMENTS = 30;

/** What TPROXY marked is delivered here, whatever its destination (Documentation/networking/tproxy.rst). */
export function relayRouting({ relayPorts: ports, lan }: RouterIntent): Routing {
  const families = (["inet", "inet6"] as const).filter((family) => ports[family] !== undefined);
  return {
    // By device, so that the kernel's search for the way back, which has the packet's mark, does not end here.
    rules: families.flatMap((family) =>
      lan.map((device) => ({
        family,
        priority: PRIORITY.relay,
        fwmark: { value: MARK, mask: MARK },
        iif: device,
        table: RT_TABLE_RELAY,
        protocol: PROTOCOL,
      })),
    ),
    routes: families.map((family) => ({
      family,
      type: "local",
      table: RT_TABLE_RELAY,
      destination: "default",
      device: "lo",
      protocol: PROTOCOL,
    })),
  };
}

/**
 * Who is bound to a WAN's device or address leaves by that WAN. Main, and with it everybody else's traffic, is not
 * touched, but for the default routes of WANs that are ours to set up.
 */
export function wanRouting(paths: readonly WanPath[]): Routing {
  // Who has an address first of those that can carry is where packets from it go that are not bound to a device.
  const isBearer = (path: WanPath): boolean =>
    path === paths.find(({ address }) => address.address === path.address.address);
  const rules = paths.flatMap((path) => pathRules(path, isBearer(path)));
  return { rules, routes: [...paths.flatMap(pathRoutes), ...paths.flatMap(mainRoutes)] };
}

/** As a network manager would have it: where the router's own programs and direct connections go, active WANs first, those that carry nothing last. */
function mainRoutes({ wan, index, family, address, gateway, onlink }: WanPath): readonly Route[] {
  if (wan.managed === undefined || gateway === undefined || gateway !== wan.gateway) return [];
  return [
    {
      family,
      type: "unicast",
      table: RT_TABLE_MAIN,
      destination: "default",
      gateway,
      device: wan.device,
      source: address.address,
      metric:
        METRIC_FIRST_WAN +
        index +
        (wan.role === "backup" ? METRIC_BACKUP : 0) +
        (wan.carries === false ? METRIC_NOT_CARRYING : 0),
      ...(onlink ? { onlink } : {}),
      protocol: PROTOCOL,
    },
  ];
}

function pathRules({ wan, index, family, address }: WanPath, isBearer: boolean): readonly Rule[] {
  const table = RT_TABLE_FIRST_WAN + index;
  const from = address.address;
  const bound: Rule = {
    family,
    priority: PRIORITY.boundToDevice,
    oif: wan.device,
    table,
    protocol: PROTOCOL,
  };
  if (!isBearer) return [bound];
  return [
    bound,
    {
      family,
      priority: PRIORITY.fromAddressNear,
      from,
      table: RT_TABLE_MAIN,
      suppressPrefixLength: 0,
      protocol: PROTOCOL,
    },
    { family, priority: PRIORITY.fromAddress, from, table, protocol: PROTOCOL },
  ];
}

function pathRoutes({ wan, index, family, address, gateway, onlink }: WanPath): readonly Route[] {
  const common = {
    family,
    type: "unicast",
    table: RT_TABLE_FIRST_WAN + index,
    device: wan.device,
    source: address.address,
    protocol: PROTOCOL,
  } as const;
  const connected: Route = { ...common, destination: networkOf(address.address, address.prefixLength) };
  const onward: Route = {
    ...common,
    destination: "default",
    initcwnd: INITCWND_SEGMENTS,
    ...(gateway === undefined ? {} : { gateway }),
    ...(onlink ? { onlink } : {}),
  };
  return isHost(family, address.prefixLength) ? [onward] : [connected, onward];
}

/** A lone address has no network to be connected to. */
const isHost = (family: Family, prefixLength: number): boolean =>
  prefixLength === (family === "inet" ? 32 : 128);

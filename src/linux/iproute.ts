import type { SennitError } from "../base/errors.ts";

/** What `ip` shows and sets, as typed values. One network namespace per port. */
export type Family = "inet" | "inet6";

export interface Address {
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: "global" | "site" | "link" | "host";
  /** Another of its subnet is used first (IPv4), or it is a temporary one of RFC 8981 (IPv6). */
  readonly secondary: boolean;
  /** Usable now: duplicate address detection passed and its preferred lifetime is not over (IPv6). */
  readonly preferred: boolean;
  /** Of the route to its network that comes with it (IFA_RT_PRIORITY); undefined for the family's default. */
  readonly metric?: number;
}

/** An address to be given to a device. */
export interface DeviceAddress {
  readonly family: Family;
  readonly device: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly metric: number;
}

export interface Link {
  readonly name: string;
  readonly index: number;
  /** "veth", "tun", ...; undefined for hardware and the loopback device. */
  readonly kind: string | undefined;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /** The cable is in (IFF_LOWER_UP). */
  readonly carrier: boolean;
  readonly mtu: number;
  /** Its hardware address, in lower case; undefined for devices without one. */
  readonly mac?: string;
  /** The one that it was made with, where that is another. */
  readonly permanentMac?: string;
  /** Number of the VLAN that it is the end of. */
  readonly vlan?: number;
  readonly addresses: readonly Address[];
}

/** linux/in.h */
export const IPPROTO_TCP = 6 as const;

/** A policy rule. Of other programs' rules only these fields are seen, and only ours are ever changed. */
export interface Rule {
  readonly family: Family;
  readonly priority: number;
  readonly from?: string;
  readonly to?: string;
  readonly fwmark?: { readonly value: number; readonly mask: number };
  readonly protocolNumber?: typeof IPPROTO_TCP;
  readonly sourcePorts?: { readonly first: number; readonly last: number };
  readonly iif?: string;
  readonly oif?: string;
  /** What matches is dropped without a word (FR_ACT_BLACKHOLE). */
  readonly action?: "blackhole";
  /** Table number; undefined for rules that do something other than a lookup. */
  readonly table?: number;
  /** The lookup's answer is not taken when its prefix is this short or shorter: 0 leaves out default routes. */
  readonly suppressPrefixLength?: number;
  /** Who made it (rtnetlink's FRA_PROTOCOL). */
  readonly protocol: number;
}

/** One of the ways of a route that has several. */
export interface NextHop {
  readonly device: string;
  readonly gateway?: string;
  readonly onlink?: boolean;
  /** Its share of the flows, against the others' weights; 1 to 256. */
  readonly weight: number;
}

export interface Route {
  readonly family: Family;
  readonly type: "unicast" | "local" | "other";
  readonly table: number;
  /** "default" or a prefix. */
  readonly destination: string;
  readonly gateway?: string;
  /** The gateway is to be believed reachable on the device, whatever the addresses say. */
  readonly onlink?: boolean;
  /** Undefined for routes with several next hops. */
  readonly device?: string;
  /** Two or more; without them the route's own device and gateway are the only way. */
  readonly nextHops?: readonly NextHop[];
  readonly source?: string;
  /** Undefined for the family's default: 0 for IPv4, 1024 for IPv6. */
  readonly metric?: number;
  /** Segments sent before the first acknowledgement. */
  readonly initcwnd?: number;
  /** Who made it (rtm_protocol). */
  readonly protocol: number;
}

/** What the kernel's own path manager allows; a listener's joins are counted by it. */
export interface MptcpLimits {
  /** Extra subflows per connection. */
  readonly subflows: number;
  /** ADD_ADDR announcements of the peer that are followed, per connection. */
  readonly addAddrAccepted: number;
}

/**
 * One change. An address is deleted whatever its metric is. `replace` puts a route in the place of one with the same destination and metric, whoever made that, or
 * adds it. `del` of a route takes what is not given as "any".
 */
export type IpChange =
  | { readonly object: "address"; readonly verb: "add" | "del"; readonly value: DeviceAddress }
  | { readonly object: "rule"; readonly verb: "add" | "del"; readonly value: Rule }
  | { readonly object: "route"; readonly verb: "add" | "replace" | "del"; readonly value: Route }
  | { readonly object: "limits"; readonly verb: "set"; readonly value: MptcpLimits };

export interface IpFailure {
  readonly change: IpChange;
  /**
   * Code `ip-exists`, `ip-missing` (what was to be deleted, or its table), `ip-no-device`, `ip-unreachable` (the gateway or
   * source is not at home on that device, or the device is down), `ip-limit` (more than the kernel holds), `ip-refused` (anything else).
   */
  readonly error: SennitError;
}

export interface IpRoute {
  links(): Promise<readonly Link[]>;
  rules(): Promise<readonly Rule[]>;
  /** All tables, the kernel's own included. */
  routes(): Promise<readonly Route[]>;
  limits(): Promise<MptcpLimits>;
  /** Makes the changes in this order. One that is refused does not keep the others from being made. */
  run(changes: readonly IpChange[]): Promise<readonly IpFailure[]>;
}

/** The words after `ip` that make a change, as they are run and as they are shown. */
export function renderChange({ object, verb, value }: IpChange): readonly string[] {
  switch (object) {
    case "address":
      return [...familyFlag(value.family), "address", verb, ...renderAddress(value, verb)];
    case "rule":
      return [...familyFlag(value.family), "rule", verb, ...renderRule(value)];
    case "route":
      return [...familyFlag(value.family), "route", verb, ...renderRoute(value)];
    case "limits":
      return ["mptcp", "limits", verb, ...renderLimits(value)];
  }
}

const familyFlag = (family: Family): readonly string[] => (family === "inet6" ? ["-6"] : []);
const option = (name: string, value: string | number | undefined): readonly string[] =>
  value === undefined ? [] : [name, String(value)];

export function renderAddress(
  { family, address, prefixLength, device, metric }: DeviceAddress,
  verb: "add" | "del" = "add",
): readonly string[] {
  const place = [`${address}/${prefixLength}`, "dev", device];
  if (verb === "del") return place;
  // The broadcast address of the subnet, which a network of two (RFC 3021) or one does not have.
  const broadcast = family === "inet" && prefixLength < 31 ? ["broadcast", "+"] : [];
  return [...place, ...broadcast, "metric", String(metric)];
}

export function renderRule(rule: Rule): readonly string[] {
  const mark =
    rule.fwmark && `0x${rule.fwmark.value.toString(16)}/0x${(rule.fwmark.mask >>> 0).toString(16)}`;
  return [
    "priority",
    String(rule.priority),
    ...option("from", rule.from),
    ...option("to", rule.to),
    ...option("fwmark", mark),
    ...option("iif", rule.iif),
    ...option("oif", rule.oif),
    ...option("ipproto", rule.protocolNumber === undefined ? undefined : "tcp"),
    ...option("sport", rule.sourcePorts && `${rule.sourcePorts.first}-${rule.sourcePorts.last}`),
    ...(rule.action === undefined ? [] : [rule.action]),
    ...option("lookup", rule.table),
    ...option("suppress_prefixlength", rule.suppressPrefixLength),
    ...option("protocol", rule.protocol),
  ];
}

export function renderRoute(route: Route): readonly string[] {
  return [
    ...(route.type === "local" ? ["local"] : []),
    route.destination,
    ...option("via", route.gateway),
    ...option("dev", route.device),
    ...option("table", route.table),
    ...option("metric", route.metric),
    ...option("src", route.source),
    ...option("initcwnd", route.initcwnd),
    ...(route.onlink ? ["onlink"] : []),
    ...option("proto", route.protocol),
    ...(route.nextHops ?? []).flatMap(renderNextHop),
  ];
}

const renderNextHop = ({ gateway, device, weight, onlink }: NextHop): readonly string[] => [
  "nexthop",
  ...option("via", gateway),
  ...option("dev", device),
  ...option("weight", weight),
  ...(onlink ? ["onlink"] : []),
];

export function renderLimits(limits: MptcpLimits): readonly string[] {
  return ["subflow", String(limits.subflows), "add_addr_accepted", String(limits.addAddrAccepted)];
}

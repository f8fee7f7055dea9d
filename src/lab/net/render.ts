import { addressesOf, contains, type AddressRange, type RouteSpec } from "../topology/addresses.ts";
import type { NatSpec } from "../topology/natschema.ts";
import type { LinkSpec } from "../topology/linkschema.ts";
import type { HostSpec } from "../topology/schema.ts";
import { tableText, text } from "./text.ts";

/** What makes a fresh network namespace a host of the topology, as text for the kernel's own tools. Pure. */

/** Our nftables tables in a host's namespace. */
const STRIP_TABLE = "lab-strip";
const HOLE_TABLE = "lab-hole";

/** Settings to make before there are devices, which take theirs from `default`. */
export function sysctlsOf(host: HostSpec): Readonly<Record<string, string>> {
  const forwards = host.forwards || host.nat !== undefined;
  return {
    // Two uplinks make asymmetric paths; a strict check would drop them without a word.
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/lo/rp_filter": "0",
    // Shortcuts learned from redirects would lead around the links under test.
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv6/conf/all/accept_redirects": "0",
    "net/ipv6/conf/default/accept_redirects": "0",
    // Duplicate address detection takes a second or more; a topology's addresses are checked when it is read.
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/dad_transmits": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    // Static addresses stay when a cable's device is switched off and on.
    "net/ipv6/conf/all/keep_addr_on_down": "1",
    "net/ipv6/conf/default/keep_addr_on_down": "1",
    ...(forwards ? { "net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1" } : {}),
  };
}

/** Those of a NAT box, which are there once its rules are: these load the kernel's connection tracking. */
export function natSysctlsOf({ tcp, udp }: NatSpec): Readonly<Record<string, string>> {
  const seconds = (ms: number): string => String(Math.max(1, Math.round(ms / 1000)));
  return {
    // What comes in the middle of a TCP connection unknown to the NAT is invalid, and dropped: as cheap boxes do.
    "net/netfilter/nf_conntrack_tcp_loose": "0",
    "net/netfilter/nf_conntrack_tcp_timeout_established": seconds(tcp),
    "net/netfilter/nf_conntrack_udp_timeout": seconds(udp),
    "net/netfilter/nf_conntrack_udp_timeout_stream": seconds(udp),
  };
}

/** Lines for `ip -batch`, once the devices are there. */
export function deviceLines(host: HostSpec): string {
  const lines = ["link set lo up"];
  for (const [device, ranges] of Object.entries(host.interfaces)) {
    lines.push(`link set dev ${device} up`, ...ranges.flatMap((range) => addressLines("add", range, device)));
  }
  return text([...lines, ...host.routes.map(routeLine)]);
}

/** Puts back the routes that went when `device` was switched off. */
export function routeLines(host: HostSpec, device: string): string {
  return text((host.interfaces[device] ?? []).flatMap((range) => routesThrough(host, range)));
}

function addressLines(verb: "add" | "del", range: AddressRange, device: string): string[] {
  const flags = range.family === 6 && verb === "add" ? " nodad" : "";
  return addressesOf(range).map(
    (address) => `addr ${verb} ${address}/${range.prefixLength} dev ${device}${flags}`,
  );
}

/** One address for another on `device`, and the routes through its subnet again. */
export function readdressLines(
  host: HostSpec,
  device: string,
  range: AddressRange,
  from: string,
  to: string,
): string {
  const one = (first: string): AddressRange => ({ ...range, first, count: 1 });
  return text([
    ...addressLines("del", one(from), device),
    ...addressLines("add", one(to), device),
    ...routesThrough(host, range),
  ]);
}

/** One subnet for another on `device`. */
export function renumberLines(device: string, from: AddressRange, to: AddressRange): string {
  return text([...addressLines("del", from, device), ...addressLines("add", to, device)]);
}

function routesThrough(host: HostSpec, range: AddressRange): string[] {
  return host.routes.filter(({ gateway }) => contains(range, gateway)).map(routeLine);
}

function routeLine({ destination, gateway, metric }: RouteSpec): string {
  return `route replace ${destination} via ${gateway}${metric === undefined ? "" : ` metric ${metric}`} proto static`;
}

/** `ip` lines for a plain cable between two namespaces. */
export function cableLine({ ends: [a, b] }: LinkSpec, netns: (host: string) => string): string {
  return text([
    `link add name ${a.device} netns ${netns(a.host)} type veth peer name ${b.device} netns ${netns(b.host)}`,
  ]);
}

/** A middlebox that takes the MPTCP options out of what it passes on. */
export function stripRules(on: boolean): string {
  return tableText("inet", STRIP_TABLE, on, [
    "  chain forward {",
    "    type filter hook forward priority mangle; policy accept;",
    "    meta l4proto tcp reset tcp option mptcp",
    "  }",
  ]);
}

/** Devices into which everything that arrives vanishes, ARP too. */
export function holeRules(devices: readonly string[]): string {
  return tableText(
    "netdev",
    HOLE_TABLE,
    devices.length > 0,
    devices.flatMap((device, index) => [
      `  chain hole${index} {`,
      `    type filter hook ingress device "${device}" priority filter; policy drop;`,
      "  }",
    ]),
  );
}

import type { Family } from "../linux/iproute.ts";
import type { Observations, RouterIntent } from "./model.ts";
import { firewallChains, seenRule } from "./firewall.ts";
import { chain, devices, ip, nfproto, table, withoutHostLength, type Block } from "./nfttext.ts";
import { MARK } from "./own.ts";
import { familyOf, mergePrefixes, networkOf } from "./prefix.ts";

/**
 * The negative cache's sets: what the relay learned of targets, for connections that come after. Elements
 * "ADDRESS . PORT", also where an ICMP error said "host" or "network": firewalls send these for one port, and one
 * user's attempt must not close a whole host to everybody.
 */
export const NEGATIVE_SETS = {
  refused: { inet: "refused4", inet6: "refused6" },
  unreachable: { inet: "unreachable4", inet6: "unreachable6" },
} as const;

/** Entries per set: a port scan from the LAN fills it and harms nobody, in less than a megabyte of the kernel's memory. */
const NEGATIVE_SIZE = 4096;
/** Long enough for an application's next attempt, short enough for a service that was just restarted. */
const NEGATIVE_TIMEOUT = "10s";

/** Destinations that no server on the internet can reach for us: private, local, multicast, reserved (RFC 6890). */
const NEVER_PROXIED: Readonly<Record<Family, readonly string[]>> = {
  inet: [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
  ],
  inet6: ["::/127", "fc00::/7", "fe80::/10", "ff00::/8"],
};

const FAMILIES: readonly Family[] = ["inet", "inet6"];
const LOOPBACK: Readonly<Record<Family, string>> = { inet: "127.0.0.1", inet6: "[::1]" };

/**
 * The router's table, in nft's own canonical spelling (1.0.6), so that what `nft list` prints is equal to it.
 * It names the configured devices, whether they are there or not: a WAN that comes or goes does not touch it.
 */
export function renderRuleset(intent: RouterIntent, observed: Observations): string {
  const lan = devices(intent.lan);
  const proxied = FAMILIES.filter((family) => intent.relayPorts[family] !== undefined);
  const entry = proxied.length > 0 || intent.onFailure === "closed";
  return table([
    ...(proxied.length > 0 ? FAMILIES.flatMap(negativeSets) : []),
    chain("prerouting", "type filter hook prerouting priority raw; policy accept;", [
      seenRule(intent),
      ...(entry ? [`iifname ${lan} meta l4proto tcp jump lan_tcp`] : []),
    ]),
    ...(entry ? entryChains(intent, observed, lan, proxied) : []),
    ...firewallChains(intent, observed),
    ...ttlChains(intent),
  ]);
}

/** The hop limits that WANs are to have, of forwarded packets as of our own. */
function ttlChains({ wans }: RouterIntent): readonly Block[] {
  const rules = wans.flatMap(({ role, device, ttl }) =>
    role === "off" || ttl === undefined
      ? []
      : [`oifname "${device}" ip ttl set ${ttl}`, `oifname "${device}" ip6 hoplimit set ${ttl}`],
  );
  if (rules.length === 0) return [];
  return [chain("leaving", "type filter hook postrouting priority mangle; policy accept;", rules)];
}

function negativeSets(family: Family): readonly Block[] {
  const type = `type ${family === "inet" ? "ipv4_addr" : "ipv6_addr"} . inet_service`;
  const body = [type, `size ${NEGATIVE_SIZE}`, `timeout ${NEGATIVE_TIMEOUT}`];
  return [NEGATIVE_SETS.refused, NEGATIVE_SETS.unreachable].map((set) => ({
    head: `set ${set[family]}`,
    body,
  }));
}

/**
 * TPROXY before conntrack, so that a proxied connection takes no entry there. Only a SYN is offered to the relay, and
 * later packets belong to it only if it has the socket: so a connection that went out directly before the relay came
 * up goes on, and without a listener every packet just falls through to the router (fail-open).
 */
function entryChains(
  intent: RouterIntent,
  observed: Observations,
  lan: string,
  proxied: readonly Family[],
): readonly Block[] {
  const direct = directPrefixes(intent, observed);
  const take = `meta mark set meta mark | 0x${MARK.toString(16)} notrack accept`;
  return [
    chain("lan_tcp", undefined, [
      "tcp flags syn / fin,syn,rst,ack goto lan_open",
      ...(proxied.length > 0 ? [`socket transparent 1 ${take}`] : []),
    ]),
    chain("lan_open", undefined, [
      "fib daddr type local return",
      ...FAMILIES.map((family) => `${ip(family)} daddr { ${direct[family].join(", ")} } return`),
      ...(proxied.length > 0 ? FAMILIES.flatMap(negativeRules) : []),
      ...proxied.map(
        (family) =>
          // The protocol once more: nft wants to see it beside tproxy. SYNs of a reused port find their TIME_WAIT here too.
          `meta l4proto tcp meta nfproto ${nfproto(family)} tproxy ${ip(family)} to ${LOOPBACK[family]}:${intent.relayPorts[family]} ${take}`,
      ),
      ...(intent.onFailure === "closed" ? ["notrack reject with icmpx host-unreachable"] : []),
    ]),
    ...(proxied.length > 0
      ? [
          // The relay's answers, in the name of the targets.
          chain("output", "type filter hook output priority raw; policy accept;", [
            `oifname ${lan} meta l4proto tcp fib saddr type != local notrack`,
          ]),
        ]
      : []),
  ];
}

function negativeRules(family: Family): readonly string[] {
  const unreachable = family === "inet" ? "icmp host-unreachable" : "icmpv6 addr-unreachable";
  const target = `${ip(family)} daddr . tcp dport`;
  return [
    `${target} @${NEGATIVE_SETS.refused[family]} notrack reject with tcp reset`,
    `${target} @${NEGATIVE_SETS.unreachable[family]} notrack reject with ${unreachable}`,
  ];
}

/**
 * What is routed and never proxied: private and local networks, everything connected (a modem's page, the next LAN),
 * and the server itself, which would refuse to connect to its own address.
 */
function directPrefixes(
  intent: RouterIntent,
  observed: Observations,
): Readonly<Record<Family, readonly string[]>> {
  const connected = observed.links.flatMap(({ addresses }) =>
    addresses.map(({ address, prefixLength }) => networkOf(address, prefixLength)),
  );
  const server = intent.serverAddresses.map((address) =>
    networkOf(address, familyOf(address) === "inet" ? 32 : 128),
  );
  const prefixesOf = (family: Family): readonly string[] => {
    const found = [...connected, ...server].filter(
      (prefix) => familyOf(prefix.split("/")[0] ?? "") === family,
    );
    return mergePrefixes([...NEVER_PROXIED[family], ...found]).map(withoutHostLength);
  };
  return { inet: prefixesOf("inet"), inet6: prefixesOf("inet6") };
}

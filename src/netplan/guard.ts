import { IPPROTO_TCP, type Family, type Rule } from "../linux/iproute.ts";
import { wanDevices } from "./firewall.ts";
import { FAMILIES, lanPrefixes } from "./lannetworks.ts";
import type { Observations, RouterIntent } from "./model.ts";
import { MARK_SEEN, PRIORITY, PROTOCOL, RT_TABLE_MAIN, TRANSLATED_PORTS } from "./own.ts";
import type { WanPath } from "./paths.ts";

/**
 * What holds while somebody has flushed our table: nftables has no way to keep a table from that, but policy rules are
 * another's business. A packet that bears no mark of the table is not forwarded, so it cannot leave with the address it
 * had in the LAN. It is dropped in silence: to those who sent it this is a lost packet, which they send again.
 */
export function guardRules(
  intent: RouterIntent,
  observed: Observations,
  paths: readonly WanPath[],
): readonly Rule[] {
  return FAMILIES.flatMap((family) => [
    ...[...intent.lan, ...wanDevices(intent)].map((device) => unseen(family, device)),
    ...lanPrefixes(intent, observed, family).map((prefix) => answersLan(family, prefix)),
    ...addressesOf(family, paths).map((address) => noReset(family, address)),
  ]);
}

const unseen = (family: Family, device: string): Rule => ({
  family,
  priority: PRIORITY.unseen,
  fwmark: { value: 0, mask: MARK_SEEN },
  iif: device,
  action: "blackhole",
  protocol: PROTOCOL,
});

/** The LAN is answered from these ports as well, by the router's services on whatever address of it was asked. */
const answersLan = (family: Family, prefix: string): Rule => ({
  family,
  priority: PRIORITY.translatedPortsNear,
  to: prefix,
  iif: "lo",
  protocolNumber: IPPROTO_TCP,
  sourcePorts: TRANSLATED_PORTS,
  table: RT_TABLE_MAIN,
  suppressPrefixLength: 0,
  protocol: PROTOCOL,
});

/**
 * Without the table nothing is translated back: replies to translated flows reach the router itself, which knows no such
 * connection and would end it with a reset (RFC 9293, 3.5.2). It has nothing to say from those ports.
 */
const noReset = (family: Family, address: string): Rule => ({
  family,
  priority: PRIORITY.translatedPorts,
  from: address,
  iif: "lo",
  protocolNumber: IPPROTO_TCP,
  sourcePorts: TRANSLATED_PORTS,
  action: "blackhole",
  protocol: PROTOCOL,
});

const addressesOf = (family: Family, paths: readonly WanPath[]): readonly string[] => [
  ...new Set(paths.filter((path) => path.family === family).map(({ address }) => address.address)),
];

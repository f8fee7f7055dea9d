import type { Observations, RouterIntent, WanIntent } from "./model.ts";
import { chain, devices, hex, ip, type Block } from "./nfttext.ts";
import { FAMILIES, lanPrefixes } from "./lannetworks.ts";
import { MARK_SEEN, MARK_WAN_MASK, MARK_WAN_ONE, TRANSLATED_PORTS } from "./own.ts";

/** WANs beyond these have flows that are not kept where they began: so many places has the mark. */
const MOST_MARKED = MARK_WAN_MASK / MARK_WAN_ONE;

/** A WAN that direct flows go out by, and the mark of those that began there. */
export interface MarkedWan {
  readonly wan: WanIntent;
  readonly index: number;
  readonly mark: number;
}

/** The WANs in use, each with its mark. */
export const markedWans = ({ wans }: RouterIntent): readonly MarkedWan[] =>
  wans
    .map((wan, index) => ({ wan, index, mark: (index + 1) * MARK_WAN_ONE }))
    .filter(({ wan, index }) => wan.role !== "off" && index < MOST_MARKED);

/** Also those that are off: their devices may be up all the same, and what is outside is outside. */
export const wanDevices = ({ wans }: RouterIntent): readonly string[] => wans.map(({ device }) => device);

const devicesOff = ({ wans }: RouterIntent): readonly string[] =>
  wans.filter(({ role }) => role === "off").map(({ device }) => device);

/** The first thing that happens to a packet: without it the rules of guard.ts drop it. */
export const seenRule = (intent: RouterIntent): string =>
  `iifname ${devices([...intent.lan, ...wanDevices(intent)])} meta mark set meta mark | ${hex(MARK_SEEN)}`;

/**
 * Nothing answers to a WAN, neither the router nor what is behind it: by the device a packet comes in by, and so whatever
 * addresses it bears. What goes out to a WAN bears the WAN's address.
 */
export function firewallChains(intent: RouterIntent, observed: Observations): readonly Block[] {
  // nft knows no empty set.
  if (intent.wans.length === 0) return [];
  const off = devicesOff(intent);
  const lan = devices(intent.lan);
  const wans = devices(wanDevices(intent));
  const marked = markedWans(intent);
  return [
    chain(
      "begun",
      "type filter hook prerouting priority mangle; policy accept;",
      marked.map(
        ({ mark }) =>
          `iifname ${lan} ct mark & ${hex(MARK_WAN_MASK)} == ${hex(mark)} meta mark set meta mark | ${hex(mark)}`,
      ),
    ),
    chain("input", "type filter hook input priority filter; policy accept;", [
      `iifname ${wans} goto from_wan`,
    ]),
    chain("from_wan", undefined, FROM_WAN),
    chain("forward", "type filter hook forward priority filter; policy accept;", [
      // Replies come to a WAN; a connection that begins there is nobody's here, nor a container's.
      `iifname ${wans} ct state invalid,new,untracked drop`,
      // Whatever main says, be it for want of another way.
      ...(off.length > 0
        ? [`iifname ${lan} oifname ${devices(off)} reject with icmpx admin-prohibited`]
        : []),
      // Conntrack does not translate these.
      `iifname ${lan} oifname ${wans} ct state invalid,untracked drop`,
    ]),
    chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", [
      ...marked.map(
        ({ wan, mark }) =>
          `iifname ${lan} oifname ${devices([wan.device])} ct mark set ct mark & ${hex(keep(mark))} | ${hex(mark)}`,
      ),
      // Only what is forwarded from the LAN: our own sockets have the WAN's address already. TCP has ports of its own,
      // see guard.ts; UDP keeps its port where it can, for those who punch holes.
      `iifname ${lan} oifname ${wans} meta l4proto tcp masquerade to :${TRANSLATED_PORTS.first}-${TRANSLATED_PORTS.last}`,
      `iifname ${lan} oifname ${wans} masquerade`,
    ]),
    chain("leave", "type filter hook postrouting priority srcnat + 10; policy accept;", [
      `iifname ${lan} oifname ${wans} fib saddr type != local drop`,
      ...FAMILIES.flatMap((family) =>
        // A line each: nft would print neighbours in one set as a range.
        lanPrefixes(intent, observed, family).map(
          (prefix) => `oifname ${wans} ${ip(family)} saddr ${prefix} drop`,
        ),
      ),
    ]),
  ];
}

/** nft folds the bits that are set afterwards into those that are kept. */
const keep = (mark: number): number => ((~MARK_WAN_MASK | mark) & 0xffff_ffff) >>> 0;

const FROM_WAN: readonly string[] = [
  "ct state established,related accept",
  // What conntrack has forgotten, of connections that began here. SYNs are answered by nobody.
  "tcp flags != syn / fin,syn,rst,ack socket wildcard 0 accept",
  // Without these a WAN has no neighbours (RFC 4861; 255 hops: from the link itself) and hears no groups (RFC 2710).
  "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
  "icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept",
  // Leases: what was asked of a group is answered by a single server, which conntrack does not see as the reply.
  "udp sport 67 udp dport 68 accept",
  "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
  "drop",
];

import { BlockList, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { Target } from "../wire/address.ts";

/** What no router may reach through the server unless its operator says so, and what to call it in the log. */
const REFUSED: readonly (readonly [network: string, prefix: number, why: string])[] = [
  ["0.0.0.0", 8, "not an address (RFC 1122)"],
  ["10.0.0.0", 8, "private (RFC 1918)"],
  ["100.64.0.0", 10, "inside a carrier's NAT (RFC 6598)"],
  ["127.0.0.0", 8, "loopback"],
  ["168.63.129.16", 32, "Azure's metadata service"],
  ["169.254.0.0", 16, "link-local, where clouds keep their metadata service (RFC 3927)"],
  ["172.16.0.0", 12, "private (RFC 1918)"],
  ["192.0.0.0", 24, "for protocols (RFC 6890); Oracle's metadata service"],
  ["192.168.0.0", 16, "private (RFC 1918)"],
  ["224.0.0.0", 4, "multicast"],
  ["240.0.0.0", 4, "reserved or broadcast"],
  ["::", 127, "unspecified or loopback"],
  ["::", 96, "IPv4-compatible (RFC 4291 section 2.5.5.1)"],
  ["64:ff9b:1::", 48, "inside a network's NAT64 (RFC 8215)"],
  ["fc00::", 7, "private (RFC 4193)"],
  ["fe80::", 10, "link-local (RFC 4291)"],
  ["fec0::", 10, "site-local (RFC 3879)"],
  ["ff00::", 8, "multicast"],
];

/** IPv6 addresses that stand for an IPv4 address, and the byte where it begins: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056). */
const EMBEDDING: readonly (readonly [network: string, prefix: number, at: number])[] = [
  ["::ffff:0:0", 96, 12],
  ["64:ff9b::", 96, 12],
  ["2002::", 16, 2],
];

/** Which targets the server connects to on behalf of its routers. */
export class EgressPolicy {
  readonly #refused = REFUSED.map(([network, prefix, why]) => ({ list: listOf(network, prefix), why }));
  /** All of them in one: most targets are in none. */
  readonly #anyRefused = new BlockList();
  readonly #embedding = EMBEDDING.map(([network, prefix, at]) => ({ list: listOf(network, prefix), at }));
  readonly #allowed = new BlockList();
  /** Single addresses among them. */
  readonly #allowedHosts = new Set<string>();
  readonly #ownAddresses: () => ReadonlySet<string>;

  /** `allowPrivate`: networks (CIDR) that are reachable all the same. `ownAddresses`: the server's own, as of now. */
  constructor(allowPrivate: readonly string[], ownAddresses: () => ReadonlySet<string>) {
    this.#ownAddresses = ownAddresses;
    for (const [network, prefix] of REFUSED) this.#anyRefused.addSubnet(network, prefix, familyOf(network));
    for (const cidr of allowPrivate) {
      const [network = "", prefix] = cidr.split("/");
      const whole = isIPv6(network) ? 128 : 32;
      const length = Number(prefix ?? whole);
      this.#allowed.addSubnet(network, length, familyOf(network));
      if (length === whole) this.#allowedHosts.add(ipaddr.parse(network).toString());
    }
  }

  /** Why the target is refused, in words for the log; undefined where it is not. */
  objection({ address, port }: Target): string | undefined {
    if (port === 0) return "no port";
    const family = familyOf(address);
    // A network that was allowed does not mean this machine in it; its very address would.
    const own = this.#ownAddresses().has(address);
    if (own && !this.#allowedHosts.has(address)) return "the server's own address";
    if (this.#allowed.check(address, family)) return undefined;
    if (this.#anyRefused.check(address, family)) {
      return this.#refused.find(({ list }) => list.check(address, family))?.why;
    }
    const inner = this.#embedded(address);
    return inner === undefined ? undefined : this.objection({ address: inner, port });
  }

  #embedded(address: string): string | undefined {
    if (!isIPv6(address)) return undefined;
    const hit = this.#embedding.find(({ list }) => list.check(address, "ipv6"));
    if (hit === undefined) return undefined;
    return ipaddr
      .parse(address)
      .toByteArray()
      .slice(hit.at, hit.at + 4)
      .join(".");
  }
}

function listOf(network: string, prefix: number): BlockList {
  const list = new BlockList();
  list.addSubnet(network, prefix, familyOf(network));
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

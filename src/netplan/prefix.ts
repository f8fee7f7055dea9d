import ipaddr from "ipaddr.js";
import type { Family } from "../linux/iproute.ts";

export const familyOf = (address: string): Family =>
  ipaddr.parse(address).kind() === "ipv4" ? "inet" : "inet6";

/** "10.1.0.0/24" for 10.1.0.2 and 24: the network that an address lies in. */
export function networkOf(address: string, prefixLength: number): string {
  const kind = familyOf(address) === "inet" ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(`${address}/${prefixLength}`).toString()}/${prefixLength}`;
}

/** The same prefixes in numeric order, without those that lie in another: what an nft interval set accepts and prints. */
export function mergePrefixes(prefixes: readonly string[]): readonly string[] {
  const parsed = prefixes.map((prefix) => {
    const [address, length] = ipaddr.parseCIDR(prefix);
    return { prefix, address, bytes: address.toByteArray(), length };
  });
  parsed.sort((a, b) => Buffer.compare(Buffer.from(a.bytes), Buffer.from(b.bytes)) || a.length - b.length);
  const kept: typeof parsed = [];
  for (const next of parsed) {
    const last = kept.at(-1);
    if (last === undefined || !next.address.match(last.address, last.length)) kept.push(next);
  }
  return kept.map(({ prefix }) => prefix);
}

/** Whether two networks have an address in common. */
export function overlap(a: string, b: string): boolean {
  const [[one, length], [other, otherLength]] = [ipaddr.parseCIDR(a), ipaddr.parseCIDR(b)];
  return one.kind() === other.kind() && one.match(other, Math.min(length, otherLength));
}

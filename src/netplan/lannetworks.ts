import type { Family } from "../linux/iproute.ts";
import type { Observations, RouterIntent } from "./model.ts";
import { withoutHostLength } from "./nfttext.ts";
import { familyOf, mergePrefixes, networkOf, overlap } from "./prefix.ts";

export const FAMILIES: readonly Family[] = ["inet", "inet6"];

/** The LAN's networks as nft and ip spell them, without those that a WAN has as well: there the address says nothing. */
export function lanPrefixes(
  { lan, wans }: RouterIntent,
  observed: Observations,
  family: Family,
): readonly string[] {
  const networks = (names: readonly string[]): readonly string[] =>
    observed.links
      .filter(({ name }) => names.includes(name))
      .flatMap(({ addresses }) => addresses)
      .filter((address) => address.family === family && address.scope !== "link")
      .map(({ address, prefixLength }) => networkOf(address, prefixLength));
  const outside = networks(wans.map(({ device }) => device));
  const inside = networks(lan).filter((prefix) => !outside.some((other) => overlap(prefix, other)));
  return mergePrefixes(inside)
    .filter((prefix) => familyOf(prefix.split("/")[0] ?? "") === family)
    .map(withoutHostLength);
}

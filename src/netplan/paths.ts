import ipaddr from "ipaddr.js";
import type { Address, Family, Link } from "../linux/iproute.ts";
import type { Observations, Problem, RouterIntent, WanIntent } from "./model.ts";
import { withPlanned } from "./addresses.ts";
import { familyOf } from "./prefix.ts";

/** One family of one WAN that can carry now. */
export interface WanPath {
  readonly wan: WanIntent;
  /** The WAN's place in the configuration. */
  readonly index: number;
  readonly family: Family;
  readonly address: Address;
  /** Undefined on point-to-point devices. */
  readonly gateway: string | undefined;
  /** The gateway lies outside the address's own network. */
  readonly onlink: boolean;
  /** Another WAN has the same address: only the device tells the two apart. */
  readonly twin: boolean;
}

const FAMILIES: readonly Family[] = ["inet", "inet6"];

/**
 * The WANs that can carry, by family. A WAN counts only with carrier, an address and a way on: without one of them it
 * contributes nothing at all, so that a pulled cable is acted on at once, and the other WANs' state is not touched.
 */
export function usablePaths(
  intent: RouterIntent,
  seen: Observations,
): { readonly paths: readonly WanPath[]; readonly problems: readonly Problem[] } {
  const observed = withPlanned(intent, seen);
  const paths: WanPath[] = [];
  const problems: Problem[] = [];
  const owners = new Map<string, string>();
  for (const [index, wan] of intent.wans.entries()) {
    const link = observed.links.find(({ name }) => name === wan.device);
    if (wan.role === "off" || link === undefined) continue;
    for (const family of FAMILIES) {
      const path = pathOf(wan, index, family, link, observed);
      const owner = path && owners.get(path.address.address);
      if (path !== undefined) {
        paths.push({ ...path, twin: owner !== undefined });
        if (owner !== undefined) problems.push(sameAddress(path, owner));
      }
    }
    // Also one that cannot carry now: when it can, nothing is to change for the other.
    for (const { address } of link.addresses) if (!owners.has(address)) owners.set(address, wan.name);
  }
  return { paths, problems };
}

function pathOf(
  wan: WanIntent,
  index: number,
  family: Family,
  link: Link,
  observed: Observations,
): Omit<WanPath, "twin"> | undefined {
  if (!link.up || !link.carrier) return undefined;
  const ways = observed.defaultRoutes.filter(
    (route) => route.family === family && route.device === wan.device,
  );
  ways.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  const fixed = wan.gateway !== undefined && familyOf(wan.gateway) === family ? wan.gateway : undefined;
  const [best] = ways;
  if (fixed === undefined && best === undefined) return undefined;
  const gateway = fixed ?? best?.gateway;
  const address = chooseAddress(link, family, gateway);
  if (address === undefined) return undefined;
  return { wan, index, family, address, gateway, onlink: gateway !== undefined && !isOnLink(gateway, link) };
}

/**
 * The address that connections of this WAN leave from: global, preferred, and of the best sort there is. The choice
 * does not depend on the order in which the kernel lists them.
 */
function chooseAddress(link: Link, family: Family, gateway: string | undefined): Address | undefined {
  const usable = link.addresses.filter(
    (address) => address.family === family && address.scope === "global" && address.preferred,
  );
  const rank = (address: Address): number =>
    // Given out by the very gateway, so that this will not drop it as foreign (RFC 8028, 3.2).
    (gateway !== undefined && holds(address, gateway) ? 0 : 4) +
    // Unique local addresses lead nowhere outside (RFC 4193).
    (ipaddr.parse(address.address).range() === "uniqueLocal" ? 2 : 0) +
    // A temporary one (RFC 8981) would change under the carriers every day.
    (address.secondary ? 1 : 0);
  return usable.toSorted((a, b) => rank(a) - rank(b) || (a.address < b.address ? -1 : 1))[0];
}

const holds = ({ address, prefixLength }: Address, other: string): boolean => {
  const parsed = ipaddr.parse(other);
  const own = ipaddr.parse(address);
  return own.kind() === parsed.kind() && parsed.match(own, prefixLength);
};

const isOnLink = (gateway: string, link: Link): boolean =>
  ipaddr.parse(gateway).range() === "linkLocal" || link.addresses.some((address) => holds(address, gateway));

/**
 * Stick modems all give out the same address. Neither a `from` rule nor a subflow, which is known by its addresses, can
 * tell two of them apart, so the second one is left to plain TCP connections that are bound to its device.
 */
function sameAddress({ wan, address }: Omit<WanPath, "twin">, owner: string): Problem {
  return {
    code: "wan-same-address",
    wan: wan.name,
    message: `WAN ${wan.name} (${wan.device}) has the address ${address.address}, which WAN ${owner} has already: it is used beside Multipath TCP, by plain connections`,
  };
}

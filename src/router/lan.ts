import { join } from "node:path";
import type { StatusReport } from "../api/status.ts";
import { isWithin } from "../config/networkfields.ts";
import type { RouterConfig } from "../config/router.ts";
import { parseRange } from "../config/router/lan.ts";
import type { LanServices, Upstream } from "../linux/dnsmasq.ts";
import type { Observations, WanIntent } from "../netplan/model.ts";
import type { WanLease } from "../store/wanleases.ts";

export interface LanFacts {
  readonly wans: readonly WanIntent[];
  readonly leases: ReadonlyMap<string, WanLease>;
  readonly observed: Observations;
  readonly leaseFile: string;
}

/** Where it is noted who in the LAN has which address: it outlives a reboot, as the leases do. */
export const leaseFile = ({ directories }: RouterConfig): string => join(directories.state, "lan.leases");

export const lanProblems = (trouble: string | undefined): StatusReport["problems"] =>
  trouble === undefined
    ? []
    : [
        {
          code: "lan-services-down",
          message: `dnsmasq, which gives the LAN addresses and names, does not run: ${trouble}`,
          remedy: "look for another program that has port 53 or 67 on the LAN's address, and end it",
        },
      ];

/** What is to be done for the LAN, by the config and what is known now. */
export function lanServices({ lan }: RouterConfig, facts: LanFacts): LanServices {
  const { dhcp, dns } = lan;
  const [first, last] = parseRange(dhcp?.range ?? "") ?? [];
  return {
    devices: lan.interfaces,
    ...(dhcp !== undefined &&
      first !== undefined &&
      last !== undefined && {
        dhcp: {
          first,
          last,
          seconds: Math.floor(dhcp.lease / 1000),
          hosts: dhcp.hosts,
          leaseFile: facts.leaseFile,
        },
      }),
    ...(dns !== undefined && {
      dns: { upstream: upstreams(dns.upstream, lan.interfaces, facts), domain: dns.domain },
    }),
    announce: lan.ra,
  };
}

/**
 * Each resolver is asked over every WAN at once, so that a WAN that dies takes no answer with it; one in the LAN is asked
 * there. Those of a lease answer only their own customers: each over its WAN. Where there are none of either, none.
 */
function upstreams(
  configured: readonly string[] | undefined,
  lan: readonly string[],
  { wans, leases, observed }: LanFacts,
): readonly Upstream[] {
  const used = wans.filter(({ role }) => role !== "off");
  if (configured === undefined) {
    return used.flatMap(({ name, device }) => {
      const lease = leases.get(name);
      return lease?.device === device ? lease.dns.map((address) => ({ address, device })) : [];
    });
  }
  const networks = observed.links
    .filter(({ name }) => lan.includes(name))
    .flatMap(({ addresses }) => addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`));
  return configured.flatMap((address): readonly Upstream[] =>
    networks.some((network) => isWithin(address, network))
      ? [{ address }]
      : used.map(({ device }) => ({ address, device })),
  );
}

import type { Traffic, WanQuota, WanStatus } from "../api/status.ts";
import { directed } from "../api/trafficview.ts";
import type { RouterConfig } from "../config/router.ts";
import type { DataReport } from "../control/messages.ts";
import type { Rates } from "../control/rates.ts";
import type { DeviceCounter } from "../linux/counters.ts";
import { withPlanned } from "../netplan/addresses.ts";
import type { Observations, RouterIntent, WanIntent } from "../netplan/model.ts";
import { usablePaths, type WanPath } from "../netplan/paths.ts";
import type { WanLease } from "../store/wanleases.ts";
import { perMille } from "../wan/lossmeter.ts";
import type { WanState } from "../wan/supervisor.ts";
import type { DeviceTrouble } from "../wan/wansight.ts";

/**
 * The WANs of the config as a plan wants them, in the file's order. `devices` and `leases` are by WAN; a lease of another
 * device than the one it has now is not of use to it.
 */
export function wanIntents(
  config: RouterConfig,
  devices: ReadonlyMap<string, string>,
  leases: ReadonlyMap<string, WanLease>,
): readonly WanIntent[] {
  return Object.entries(config.wans).map(([name, wan], index) => {
    const device = devices.get(name) ?? `absent${index}`;
    const lease = leases.get(name);
    const mine = wan.addressing === "dhcp" && lease?.device === device ? lease : undefined;
    const gateway = wan.gateway ?? mine?.gateway ?? undefined;
    return {
      name,
      device,
      role: wan.role,
      weight: wan.weight,
      ...(gateway !== undefined && { gateway }),
      ...(wan.ttl !== undefined && { ttl: wan.ttl }),
      ...((wan.mtu ?? wan.mac ?? wan.offloads) !== undefined && {
        link: { mtu: wan.mtu, mac: wan.mac, offloads: wan.offloads },
      }),
      ...(wan.addressing !== "found" && {
        managed: {
          addresses: mine === undefined ? (wan.addresses ?? []) : [`${mine.address}/${mine.prefixLength}`],
          announced: wan.addressing === "dhcp",
        },
      }),
    };
  });
}

/** What the status says of WANs, beside what is observed. */
export interface WanFigures {
  readonly stateOf: (wan: string) => WanState;
  readonly quotaOf: (wan: string) => WanQuota | null;
  readonly ways: DataReport["ways"];
  readonly counters: ReadonlyMap<string, DeviceCounter>;
  readonly rates: Rates;
}

/** The WANs as the status shows them. */
export function wanStatus(
  intent: RouterIntent,
  observed: Observations | undefined,
  { stateOf, quotaOf, ways, counters, rates }: WanFigures,
  now: number,
): WanStatus[] {
  const paths = observed === undefined ? [] : usablePaths(intent, observed).paths;
  return intent.wans.map((wan) => {
    const mine = paths.filter((path) => path.wan === wan);
    const { name, since, reason } = stateOf(wan.name);
    const way = ways.find((one) => one.way === wan.name);
    return {
      name: wan.name,
      device: wan.device,
      role: wan.role,
      state: { name, ageMs: now - since },
      reason: wan.role === "backup" && wan.roleWhy !== undefined ? `${reason}; ${wan.roleWhy}` : reason,
      rttMs: way?.rttMs ?? null,
      jitterMs: way?.jitterMs ?? null,
      lossPerMille: way === undefined || way.loss.probes === 0 ? null : perMille(way.loss),
      addresses: mine.map(({ address }) => address.address),
      gateways: mine.flatMap(({ gateway }) => gateway ?? []),
      quota: quotaOf(wan.name),
      traffic: deviceTraffic(wan.device, counters, rates),
    };
  });
}

/** Name of the WAN whose address this is; null where no WAN has it (any more). */
export function wanOfAddress(paths: readonly WanPath[], address: string): string | null {
  return paths.find((path) => path.address.address === address)?.wan.name ?? null;
}

function deviceTraffic(device: string, counters: ReadonlyMap<string, DeviceCounter>, rates: Rates): Traffic {
  const { bytesIn, bytesOut } = counters.get(device) ?? { bytesIn: 0, bytesOut: 0 };
  return directed("in", rates.of(device), { in: bytesIn, out: bytesOut });
}

/** The first thing that is missing for a WAN to carry: what a person would look at first. */
export function deviceTrouble(
  wan: WanIntent,
  intent: RouterIntent,
  observed: Observations,
): DeviceTrouble | undefined {
  if (usablePaths(intent, observed).paths.some((path) => path.wan === wan)) return undefined;
  const { links } = withPlanned(intent, observed);
  const link = links.find(({ name }) => name === wan.device);
  if (link === undefined) return "absent";
  if (!link.up) return "switched-off";
  if (!link.carrier) return "no-carrier";
  if (!link.addresses.some(({ scope, preferred }) => scope === "global" && preferred)) return "no-address";
  return "no-gateway";
}

import type { Traffic, WanStatus } from "../api/status.ts";
import { directed } from "../api/trafficview.ts";
import type { RouterConfig } from "../config/router.ts";
import type { Ages } from "../control/ages.ts";
import type { DataReport } from "../control/messages.ts";
import type { Rates } from "../control/rates.ts";
import type { DeviceCounter } from "../linux/counters.ts";
import type { Observations, RouterIntent, WanIntent } from "../netplan/model.ts";
import { usablePaths, type WanPath } from "../netplan/paths.ts";

/** The WANs of the config as a plan wants them, in the file's order. */
export function wanIntents(config: RouterConfig): readonly WanIntent[] {
  return Object.entries(config.wans).map(([name, wan]) => ({
    name,
    device: wan.interface ?? name,
    role: wan.role,
    ...(wan.gateway !== undefined && { gateway: wan.gateway }),
  }));
}

/** The WANs as the status shows them; not known before the kernel was looked at. */
export function wanStatus(
  intent: RouterIntent,
  observed: Observations | undefined,
  counters: ReadonlyMap<string, DeviceCounter>,
  rates: Rates,
  ages: Ages,
  now: number,
  ways: DataReport["ways"] = [],
): WanStatus[] {
  const paths = observed === undefined ? [] : usablePaths(intent, observed).paths;
  return intent.wans.map((wan) => {
    const mine = paths.filter((path) => path.wan === wan);
    const reason =
      mine.length > 0 ? null : observed === undefined ? "not looked at yet" : whyDown(wan, observed);
    const state = reason === null ? "up" : observed === undefined ? "unknown" : "down";
    return {
      name: wan.name,
      device: wan.device,
      role: wan.role,
      state: ages.of(`wan ${wan.name}`, state, now),
      reason,
      health: ways.find(({ way }) => way === wan.name)?.health ?? null,
      addresses: mine.map(({ address }) => address.address),
      gateways: mine.flatMap(({ gateway }) => gateway ?? []),
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
function whyDown(wan: WanIntent, observed: Observations): string {
  if (wan.role === "off") return "switched off in the config";
  const link = observed.links.find(({ name }) => name === wan.device);
  if (link === undefined) return `there is no device ${wan.device}`;
  if (!link.up) return "the device is switched off";
  if (!link.carrier) return "no carrier: the cable is out, or the other end is off";
  if (!link.addresses.some(({ scope, preferred }) => scope === "global" && preferred)) return "no address";
  return "no gateway: neither a default route on the device nor one in the config";
}

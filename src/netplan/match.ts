import type { Link } from "../linux/iproute.ts";

/** By what a WAN's device may be known instead of by its name. All that is given has to be true of it. */
export interface DeviceMatch {
  readonly driver?: string | undefined;
  /** In lower case. */
  readonly mac?: string | undefined;
  readonly vlan?: number | undefined;
}

/** Name of the one device that fits, of those that are nobody's; or all that do, where that is not one. */
export function matchDevice(
  { driver, mac, vlan }: DeviceMatch,
  links: readonly Link[],
  taken: ReadonlySet<string>,
): { readonly device: string } | { readonly device: undefined; readonly candidates: readonly string[] } {
  const candidates = links
    .filter(
      (link) =>
        !taken.has(link.name) &&
        (driver === undefined || link.driver === driver) &&
        (mac === undefined || link.mac?.toLowerCase() === mac) &&
        // A VLAN's end has the MAC address of the device under it: who means that one names the number.
        (vlan === undefined ? link.vlan === undefined || mac === undefined : link.vlan === vlan),
    )
    .map(({ name }) => name);
  const [device] = candidates;
  return device !== undefined && candidates.length === 1 ? { device } : { device: undefined, candidates };
}

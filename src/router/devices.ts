import type { StatusReport } from "../api/status.ts";
import type { RouterConfig } from "../config/router.ts";
import type { Link } from "../linux/iproute.ts";

type WanConfig = RouterConfig["wans"][string];
type Match = NonNullable<WanConfig["match"]>;

/** Which device each WAN has now. */
export interface FoundDevices {
  /** By WAN. */
  readonly devices: ReadonlyMap<string, string>;
  readonly problems: StatusReport["problems"];
}

/**
 * Finds the devices of the WANs: by name, or by what is true of them. One that several devices fit has none: whichever was
 * taken, it might be another after the next start.
 */
export function findDevices(
  wans: RouterConfig["wans"],
  links: readonly Link[],
  driverOf: (device: string) => string | undefined,
): FoundDevices {
  const devices = new Map<string, string>();
  const problems: StatusReport["problems"] = [];
  for (const [wan, { interface: device, match, role }] of Object.entries(wans)) {
    if (device !== undefined) devices.set(wan, device);
    if (match === undefined) continue;
    const fitting = links.filter((link) => fits(match, link, driverOf)).map(({ name }) => name);
    const [only] = fitting;
    if (only !== undefined && fitting.length === 1) devices.set(wan, only);
    else if (role !== "off")
      problems.push(only === undefined ? none(wan, match) : several(wan, match, fitting));
  }
  return { devices, problems };
}

/** The device that all of `match` is true of. The MAC is the one it was made with, where the kernel knows it. */
function fits(match: Match, link: Link, driverOf: (device: string) => string | undefined): boolean {
  if (match.mac !== undefined && match.mac !== (link.permanentMac ?? link.mac)) return false;
  if (match.vlan !== undefined && match.vlan !== link.vlan) return false;
  // A VLAN's end has the MAC of the device it is on, and is meant only where it is asked for.
  if (match.vlan === undefined && link.vlan !== undefined) return false;
  return match.driver === undefined || match.driver === driverOf(link.name);
}

const words = (match: Match): string =>
  Object.entries(match)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");

const none = (wan: string, match: Match): StatusReport["problems"][number] => ({
  code: "wan-no-match",
  message: `WAN ${wan}: no device fits ${words(match)}`,
  remedy: null,
});

const several = (
  wan: string,
  match: Match,
  devices: readonly string[],
): StatusReport["problems"][number] => ({
  code: "wan-many-match",
  message: `WAN ${wan}: ${devices.length} devices fit ${words(match)}: ${devices.slice(0, 8).join(", ")}; none is used`,
  remedy: `add to wans.${wan}.match what only one of them is, or name it with \`interface\``,
});

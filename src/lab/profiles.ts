import { isDeepStrictEqual } from "node:util";
import { SennitError } from "../base/errors.ts";
import { listed } from "../config/problems.ts";
import type { DirectionSettings } from "./link/settings.ts";
import { linkChange, type LinkChange } from "./topology/linkschema.ts";
import { directionsSaid, settingsOf, type BothDirections } from "./topology/linksettings.ts";

/** What netem holds unless told: packets in its delay line and its queue together. */
const LIMIT = 1000;

/** Mbit/s, one-way delay in ms, its standard deviation in ms, loss in per cent. */
const path = (rate: number, delay: number, jitter = 0, loss = 0): LinkChange => ({
  rate: `${rate} Mbit/s`,
  delay: `${delay} ms`,
  jitter: `${jitter} ms`,
  loss: `${loss} %`,
  limit: LIMIT,
});

/**
 * The pairs of paths that mqvpn, a multipath QUIC VPN, publishes its results for. All of it acts in each direction, so
 * the round trip is twice the delay.
 */
export const PROFILES: Readonly<Record<string, readonly [LinkChange, LinkChange]>> = {
  baseline: [path(50, 20), path(50, 20)],
  rtt_40: [path(50, 20), path(50, 40)],
  rtt_70: [path(50, 20), path(50, 70)],
  rtt_120: [path(50, 20), path(50, 120)],
  rtt_320: [path(50, 20), path(50, 320)],
  jit_5: [path(50, 20, 5), path(50, 20, 5)],
  jit_20: [path(50, 20, 20), path(50, 20, 20)],
  loss_05: [path(50, 20, 0, 0.5), path(50, 20, 0, 0.5)],
  loss_2: [path(50, 20, 0, 2), path(50, 20, 0, 2)],
  bw_4to1: [path(50, 20), path(12, 20)],
  bw_10to1: [path(100, 20), path(10, 20)],
  dual_lte: [path(40, 30, 5, 0.5), path(25, 45, 8, 0.5)],
  fiber_lte: [path(300, 8), path(30, 40, 8, 0.5)],
  lte_starlink: [path(40, 35, 8), path(100, 50, 25, 1)],
  lte_geo: [path(40, 35), path(20, 320, 20, 0.5)],
  congested: [path(20, 50, 20, 2), path(15, 60, 25, 2)],
};

/** The two paths of a profile. Throws `lab-bad-profile`. */
export function profilePaths(name: string): readonly [LinkChange, LinkChange] {
  const found = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (found !== undefined) return found;
  throw new SennitError(
    "config",
    "lab-bad-profile",
    `found the profile "${name}"; allowed is ${listed(Object.keys(PROFILES))}`,
  );
}

/** The profile that two links are as, if any. */
export function profileOf(
  a: BothDirections<DirectionSettings>,
  b: BothDirections<DirectionSettings>,
): string | undefined {
  const found = Object.entries(PROFILES).find(([, [first, second]]) => is(a, first) && is(b, second));
  return found?.[0];
}

function is(link: BothDirections<DirectionSettings>, path: LinkChange): boolean {
  const { up, down } = directionsSaid(linkChange.parse(path));
  return isDeepStrictEqual(link, { up: settingsOf(up), down: settingsOf(down) });
}

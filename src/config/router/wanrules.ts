import { isIP } from "node:net";
import { z } from "zod";
import { show, type Fault } from "../load.ts";
import { parseDeviceAddress } from "../networkfields.ts";
import { checkGlimpse, checkRules } from "./check.ts";
import { quotaGlimpse, quotaRules } from "./quota.ts";

/** RFC 8200, section 5: no IPv6 on a link that can't carry so much. */
const IPV6_MIN_MTU = 1280;

const unknown = z.unknown().optional();
const section = z.record(z.string(), unknown).optional().catch(undefined);
const strings = z.array(z.string().catch("")).optional().catch(undefined);

/** What the rules need to see of a WAN that may be wrong everywhere else. */
const glimpse = z.object({
  interface: unknown,
  match: section,
  addressing: unknown,
  addresses: strings,
  gateway: z.string().optional().catch(undefined),
  mtu: z.number().optional().catch(undefined),
  check: checkGlimpse,
  quota: quotaGlimpse,
});
type Glimpse = z.output<typeof glimpse>;

/** The rules between the keys of one WAN; `path` is where it stands. */
export function wanRules(value: unknown, path: readonly PropertyKey[]): readonly Fault[] {
  const seen = glimpse.safeParse(value).data;
  if (seen === undefined) return [];
  const faults = [
    ...identityRules(seen),
    ...addressRules(seen),
    ...checkRules(seen.check),
    ...quotaRules(seen.quota),
  ];
  return faults.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
}

function identityRules({ interface: device, match }: Glimpse): readonly Fault[] {
  if (device === undefined && match === undefined) {
    return [{ path: ["interface"], found: "nothing", allowed: "the name of a network device, or `match`" }];
  }
  if (device !== undefined && match !== undefined)
    return [{ path: ["match"], found: "`match` beside `interface`", allowed: "one of the two" }];
  if (match !== undefined && Object.keys(match).length === 0)
    return [{ path: ["match"], found: "nothing to match by", allowed: "driver, mac or vlan" }];
  return [];
}

function addressRules({ addressing, addresses, gateway, mtu }: Glimpse): readonly Fault[] {
  const faults: Fault[] = [];
  const isStatic = addressing === "static";
  if (isStatic && addresses === undefined) {
    faults.push({
      path: ["addresses"],
      found: "nothing",
      allowed: "at least one address, as `addressing` is static",
    });
  }
  if (!isStatic && addresses !== undefined)
    faults.push({
      path: ["addresses"],
      found: show(addresses),
      allowed: "only with `addressing: static`",
    });
  const families = new Set((addresses ?? []).map((text) => parseDeviceAddress(text)?.family));
  if (gateway !== undefined) {
    const family = isIP(gateway);
    if (isStatic && addresses !== undefined && (family === 4 || family === 6) && !families.has(family)) {
      faults.push({
        path: ["gateway"],
        found: show(gateway),
        allowed: `an address of a family that \`addresses\` has`,
      });
    }
    if (family === 6) families.add(6);
  }
  if (mtu !== undefined && mtu < IPV6_MIN_MTU && families.has(6)) {
    faults.push({
      path: ["mtu"],
      found: show(mtu),
      allowed: `${IPV6_MIN_MTU} or more, as this WAN has IPv6`,
    });
  }
  return faults;
}

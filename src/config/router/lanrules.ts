import ipaddr from "ipaddr.js";
import { z } from "zod";
import { show, type Fault } from "../load.ts";
import { isWithin } from "../networkfields.ts";
import { parseRange } from "./lan.ts";

const text = z.string().optional().catch(undefined);

/** What the rules need to see of a LAN that may be wrong everywhere else. */
const glimpse = z.object({
  interfaces: z.array(z.unknown()).catch([]),
  addresses: z.array(z.string().catch("")).optional().catch(undefined),
  dhcp: z
    .object({
      range: text,
      hosts: z
        .array(z.object({ mac: text, address: text, name: text }).catch({}))
        .catch([])
        .default([]),
    })
    .optional()
    .catch(undefined),
});
type Dhcp = NonNullable<z.output<typeof glimpse>["dhcp"]>;

/** The rules between the keys of the section `lan`. */
export function lanRules(value: unknown): readonly Fault[] {
  const seen = glimpse.safeParse(value).data;
  if (seen === undefined) return [];
  const { interfaces, addresses, dhcp } = seen;
  const faults: Fault[] = [];
  if (addresses !== undefined && interfaces.length > 1) {
    faults.push({
      path: ["addresses"],
      found: `addresses for ${interfaces.length} interfaces`,
      allowed: "addresses where there is one interface; the others keep what the host gave them",
    });
  }
  if (dhcp !== undefined) faults.push(...rangeRules(dhcp, addresses), ...hostRules(dhcp, addresses));
  return faults.map((fault) => ({ ...fault, path: ["lan", ...fault.path] }));
}

function rangeRules({ range }: Dhcp, addresses: readonly string[] | undefined): readonly Fault[] {
  const ends = range === undefined ? undefined : parseRange(range);
  if (ends === undefined) return [];
  const path = ["dhcp", "range"];
  const [first, last] = ends.map((address) => Buffer.from(ipaddr.parse(address).toByteArray()));
  if (first !== undefined && last !== undefined && Buffer.compare(first, last) > 0)
    return [{ path, found: show(range), allowed: "the lower address first" }];
  if (addresses === undefined) return [];
  if (addresses.some((within) => ends.every((end) => isWithin(end, within)))) return [];
  return [{ path, found: show(range), allowed: "addresses in one network of lan.addresses" }];
}

function hostRules({ hosts }: Dhcp, addresses: readonly string[] | undefined): readonly Fault[] {
  const faults: Fault[] = [];
  for (const key of ["mac", "address", "name"] as const) {
    const owners = new Map<string, number>();
    for (const [index, host] of hosts.entries()) {
      const value = host[key]?.toLowerCase();
      if (value === undefined) continue;
      const owner = owners.get(value);
      if (owner === undefined) owners.set(value, index);
      else
        faults.push({
          path: ["dhcp", "hosts", index, key],
          found: `${show(host[key])}, which host ${owner} has already`,
          allowed: `one ${key} for each`,
        });
    }
  }
  for (const [index, { address }] of hosts.entries()) {
    if (address === undefined || addresses === undefined || !ipaddr.IPv4.isValidFourPartDecimal(address))
      continue;
    if (addresses.some((within) => isWithin(address, within))) continue;
    faults.push({
      path: ["dhcp", "hosts", index, "address"],
      found: show(address),
      allowed: "an address in a network of lan.addresses",
    });
  }
  return faults;
}

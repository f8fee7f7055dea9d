import { z } from "zod";
import { listed } from "../../config/problems.ts";
import type { Fault } from "../../config/load.ts";
import { addressesOf, contains } from "./addresses.ts";
import { linkSchema, type LinkSpec } from "./linkschema.ts";
import { isCable } from "./linksettings.ts";
import { hostSchema, type HostSpec } from "./schema.ts";

/** More than any lab here has needed; each host is a network namespace, each link two devices. */
const MAX_HOSTS = 64;

const glimpse = z.object({
  hosts: z.record(z.string(), z.unknown()).catch({}),
  links: z.record(z.string(), z.unknown()).catch({}),
  wans: z.array(z.string()).catch([]),
});

/** What has to hold between the parts of a topology. Looks at the parts whose own shape is right. */
export function topologyRules(value: unknown): readonly Fault[] {
  const seen = glimpse.safeParse(value).data;
  if (seen === undefined) return [];
  const hosts = Object.entries(seen.hosts);
  const links = Object.entries(seen.links);
  const faults: Fault[] = [];
  if (hosts.length > MAX_HOSTS) {
    faults.push({ path: ["hosts"], found: `${hosts.length} hosts`, allowed: `at most ${MAX_HOSTS}` });
  }
  const plugged = new Map<string, string>();
  for (const [name, entry] of links) {
    const link = linkSchema.safeParse(entry).data;
    if (link !== undefined) faults.push(...endFaults(name, link, seen.hosts, plugged));
  }
  for (const [name, entry] of hosts) {
    const host = hostSchema.safeParse(entry).data;
    if (host !== undefined) faults.push(...hostFaults(name, host, plugged));
  }
  faults.push(...wanFaults(seen.wans, links));
  return faults;
}

function wanFaults(wans: readonly string[], links: readonly (readonly [string, unknown])[]): Fault[] {
  const emulated = links
    .filter(([, entry]) => {
      const link = linkSchema.safeParse(entry).data;
      return link !== undefined && !isCable(link);
    })
    .map(([name]) => name);
  return wans.flatMap((name, index): Fault[] => {
    const path = ["wans", index];
    if (!emulated.includes(name)) {
      const found = `"${name}"${links.some(([link]) => link === name) ? ", a plain cable" : ""}`;
      return [{ path, found, allowed: `an emulated link: ${listed(emulated)}` }];
    }
    return wans.indexOf(name) < index ? [{ path, found: `${name} again`, allowed: "another link" }] : [];
  });
}

function endFaults(
  name: string,
  { ends }: LinkSpec,
  hosts: Readonly<Record<string, unknown>>,
  plugged: Map<string, string>,
): Fault[] {
  const faults: Fault[] = [];
  const fault = (index: number, found: string, allowed: string): void =>
    void faults.push({ path: ["links", name, "ends", index], found, allowed });
  for (const [index, { host, device }] of ends.entries()) {
    const entry = hosts[host];
    if (entry === undefined) {
      fault(index, `the host "${host}"`, listed(Object.keys(hosts)));
      continue;
    }
    const devices = glimpseDevices(entry);
    if (!devices.includes(device)) fault(index, `the interface "${device}" of ${host}`, listed(devices));
    const end = `${host}:${device}`;
    const other = plugged.get(end);
    if (other !== undefined) fault(index, `${end}, where the link ${other} ends`, "an interface of its own");
    plugged.set(end, name);
  }
  if (ends[0].host === ends[1].host) fault(1, `${ends[1].host} again`, "another host");
  return faults;
}

const devicesOf = z.object({ interfaces: z.record(z.string(), z.unknown()) });

function glimpseDevices(host: unknown): string[] {
  return Object.keys(devicesOf.safeParse(host).data?.interfaces ?? {});
}

function hostFaults(name: string, host: HostSpec, plugged: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: readonly PropertyKey[], found: string, allowed: string): void =>
    void faults.push({ path: ["hosts", name, ...path], found, allowed });
  const devices = Object.keys(host.interfaces);
  for (const device of devices) {
    if (!plugged.has(`${name}:${device}`))
      fault(["interfaces", device], "an interface without a link", "one that a link ends at");
    const addresses = (host.interfaces[device] ?? []).flatMap(addressesOf);
    const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
    if (twice !== undefined) fault(["interfaces", device], `${twice} twice`, "every address once");
  }
  const ranges = Object.values(host.interfaces).flat();
  for (const [index, { gateway }] of host.routes.entries()) {
    if (!ranges.some((range) => contains(range, gateway)))
      fault(["routes", index], `the gateway ${gateway}`, `an address in a subnet of ${name}`);
  }
  const serving = host.dhcp?.interface;
  if (serving !== undefined && !devices.includes(serving))
    fault(["dhcp", "interface"], `"${serving}"`, listed(devices));
  else if (
    serving !== undefined &&
    host.interfaces[serving]?.filter(({ family }) => family === 4).length !== 1
  )
    fault(["dhcp", "interface"], `${serving} without one IPv4 address`, "an interface with one");
  const outside = host.nat?.outside;
  if (outside !== undefined) {
    if (!devices.includes(outside)) fault(["nat", "outside"], `"${outside}"`, listed(devices));
    else if (!host.interfaces[outside]?.some(({ family }) => family === 4))
      fault(["nat", "outside"], `${outside} without an IPv4 address`, "an interface with one");
  }
  return faults;
}

import { z } from "zod";
import { deviceName, directories, drain, grace, ipAddress, log, version, workers } from "./fields.ts";
import { loadConfig, parseConfig, show, type ConfigKind, type Fault } from "./load.ts";

/**
 * WANs that can carry at once. Up to Linux 6.18 a server takes in 8 subflows of a connection besides the first
 * (MPTCP_SUBFLOWS_MAX in net/mptcp/protocol.h): one for each WAN but the first, active or backup, and one to spare for a
 * WAN over which it is made anew.
 */
const MAX_WANS = 8;

const wanName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]{0,31}$/)
  .meta({ allowed: "a name of at most 32 letters, digits, - and _" });

const wan = z.strictObject({
  interface: deviceName.describe("The network device of this uplink"),
  role: z
    .enum(["active", "backup", "off"])
    .default("active")
    .describe("`active` carries traffic, `backup` only while no active one can, `off` is left alone"),
  gateway: ipAddress
    .optional()
    .describe("The next hop on this uplink; without it, the one of the device's default route"),
});

const schema = z.strictObject({
  version,
  lan: z
    .strictObject({
      interfaces: z.array(deviceName).min(1).describe("The devices whose traffic is carried"),
    })
    .describe("Who is served"),
  wans: z
    .record(wanName, wan)
    .meta({ allowed: "a section with one named entry per uplink" })
    .describe("The uplinks, each under a name of your choice"),
  relay: z
    .strictObject({
      carriers: z
        .int()
        .min(1)
        .max(64)
        .default(6)
        .describe("Connections kept to the server; each takes one NAT entry per WAN"),
      maxCarriers: z
        .int()
        .min(1)
        .max(64)
        .default(32)
        .describe("The most there may be of them, while many connections move much at a time"),
      grace,
      drain,
      workers,
      onFailure: z
        .enum(["open", "closed"])
        .default("open")
        .describe(
          "While the server is out of reach, connections go out directly (`open`) or not at all (`closed`)",
        ),
    })
    .prefault({})
    .describe("How TCP connections are carried"),
  directories: directories("router"),
  log,
});

export type RouterConfig = z.output<typeof schema>;

/** What the rules below need to see, of a file that may be wrong everywhere else. */
const glimpse = z.object({
  relay: z
    .object({ carriers: z.number().catch(0), maxCarriers: z.number().catch(Infinity) })
    .optional()
    .catch(undefined),
  lan: z.object({ interfaces: z.array(z.unknown()).catch([]) }).catch({ interfaces: [] }),
  wans: z
    .record(
      z.string(),
      z.object({ interface: z.unknown().optional(), role: z.unknown().optional() }).catch({}),
    )
    .optional()
    .catch(undefined),
});

/** The rules between keys: every device has one job, there is an uplink to work with, and bounds are in order. */
function rules(value: unknown): readonly Fault[] {
  const seen = glimpse.safeParse(value).data;
  if (seen === undefined) return [];
  const wans = Object.entries(seen.wans ?? {});
  const faults: Fault[] = [];

  const owner = new Map<string, string>();
  const claim = (device: unknown, path: readonly PropertyKey[]): void => {
    if (typeof device !== "string") return;
    const first = owner.get(device);
    if (first === undefined) owner.set(device, path.join("."));
    else
      faults.push({
        path,
        found: `${show(device)}, which is ${first} already`,
        allowed: "a device of its own",
      });
  };
  for (const [index, device] of seen.lan.interfaces.entries()) claim(device, ["lan", "interfaces", index]);
  for (const [name, entry] of wans) claim(entry.interface, ["wans", name, "interface"]);

  const { carriers = 0, maxCarriers = Infinity } = seen.relay ?? {};
  if (carriers > maxCarriers) {
    faults.push({
      path: ["relay", "maxCarriers"],
      found: show(maxCarriers),
      allowed: `as many as relay.carriers at least, which is ${carriers}`,
    });
  }

  const usable = wans.filter(([, entry]) => entry.role !== "off").length;
  if (seen.wans !== undefined && (usable < 1 || usable > MAX_WANS)) {
    faults.push({
      path: ["wans"],
      found: `${usable} WANs that are not off`,
      allowed: `1 to ${MAX_WANS} of them (the kernel takes no more subflows in a connection)`,
    });
  }
  return faults;
}

/** Everything there is to know about router files: also for the documentation. */
export const routerConfigKind: ConfigKind<typeof schema> = { schema, rules };

/** Checks a router's config. Throws one `config-invalid` with all problems; `name` stands for the file in it. */
export function parseRouterConfig(text: string, name: string): RouterConfig {
  return parseConfig(routerConfigKind, text, name);
}

/** Reads and checks a router's config file. Throws `config-unreadable` or `config-invalid`. */
export function loadRouterConfig(path: string): Promise<RouterConfig> {
  return loadConfig(routerConfigKind, path);
}

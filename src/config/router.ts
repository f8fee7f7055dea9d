import { z } from "zod";
import { directories, drain, grace, log, version, workers } from "./fields.ts";
import { loadConfig, parseConfig, show, type ConfigKind, type Fault } from "./load.ts";
import { mptcp } from "./mptcp.ts";
import { history } from "./router/history.ts";
import { lan } from "./router/lan.ts";
import { lanRules } from "./router/lanrules.ts";
import { notify } from "./router/notify.ts";
import { thresholds } from "./router/thresholds.ts";
import { wan } from "./router/wan.ts";
import { wanRules } from "./router/wanrules.ts";

/**
 * WANs that can carry at once. Up to Linux 6.18 a server takes in 8 subflows of a connection besides the first
 * (MPTCP_SUBFLOWS_MAX in net/mptcp/protocol.h): one for each WAN but the first, active or backup, and one to spare for a
 * WAN over which it is made anew.
 */
const MAX_WANS = 8;

const wanName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]{0,31}$/)
  .meta({ allowed: "a name of at most 32 letters, digits, - and _", samples: ["fibre", "lte-2"] });

const relay = z
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
      .default(8)
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
  .describe("How TCP connections are carried");

const schema = z.strictObject({
  version,
  lan,
  wans: z
    .record(wanName, wan)
    .meta({ allowed: "a section with one named entry per uplink" })
    .describe("The uplinks, each under a name of your choice"),
  relay,
  mptcp,
  thresholds,
  history,
  notify,
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
      z.object({ interface: z.unknown().optional(), role: z.unknown().optional() }).loose().catch({}),
    )
    .optional()
    .catch(undefined),
});
type Glimpse = z.output<typeof glimpse>;

/** The rules between keys: every device has one job, there is an uplink to work with, and bounds are in order. */
function rules(value: unknown): readonly Fault[] {
  const seen = glimpse.safeParse(value).data;
  if (seen === undefined) return [];
  return [
    ...deviceRules(seen),
    ...relayRules(seen),
    ...countRules(seen),
    ...lanRules(Reflect.get(Object(value), "lan")),
    ...Object.entries(seen.wans ?? {}).flatMap(([name, entry]) => wanRules(entry, ["wans", name])),
  ];
}

function deviceRules({ lan: { interfaces }, wans = {} }: Glimpse): readonly Fault[] {
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
  for (const [index, device] of interfaces.entries()) claim(device, ["lan", "interfaces", index]);
  for (const [name, entry] of Object.entries(wans)) claim(entry.interface, ["wans", name, "interface"]);
  return faults;
}

function relayRules({ relay: { carriers, maxCarriers } = { carriers: 0, maxCarriers: Infinity } }: Glimpse) {
  if (carriers <= maxCarriers) return [];
  return [
    {
      path: ["relay", "maxCarriers"],
      found: show(maxCarriers),
      allowed: `as many as relay.carriers at least, which is ${carriers}`,
    },
  ];
}

function countRules({ wans }: Glimpse): readonly Fault[] {
  if (wans === undefined) return [];
  const usable = Object.values(wans).filter(({ role }) => role !== "off").length;
  if (usable >= 1 && usable <= MAX_WANS) return [];
  return [
    {
      path: ["wans"],
      found: `${usable} WANs that are not off`,
      allowed: `1 to ${MAX_WANS} of them (the kernel takes no more subflows in a connection)`,
    },
  ];
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

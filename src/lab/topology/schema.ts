import { z } from "zod";
import { version } from "../../config/fields.ts";
import { deviceName } from "../../config/networkfields.ts";
import { parseRange, parseRoute } from "./addresses.ts";
import { from } from "./fields.ts";
import { linkSchema } from "./linkschema.ts";
import { natSchema } from "./natschema.ts";

/** The shape of a topology file. What has to hold between its parts is in rules.ts. */

const range = from(
  (input) => parseRange(String(input)),
  'an address with its prefix, such as "192.0.2.1/24", or several in a row: "192.0.2.10/24 x 200"',
);
const route = from(
  (input) => parseRoute(String(input)),
  'a route such as "default via 192.0.2.1" or "10.0.0.0/8 via 192.0.2.1 metric 100"',
);

export const hostSchema = z.strictObject({
  interfaces: z
    .record(deviceName, z.array(range))
    .meta({ allowed: 'a section of interfaces, each with a list of addresses such as ["192.0.2.1/24"]' })
    .describe("Network devices and their addresses"),
  routes: z.array(route).default([]).describe("Static routes"),
  forwards: z.boolean().default(false).describe("True for a router: passes on what is not for itself"),
  nat: natSchema
    .optional()
    .describe("Makes it a router that hides IPv4 behind one address, and answers nobody outside"),
  dhcp: z
    .strictObject({ interface: deviceName.describe("Where it gives out addresses") })
    .optional()
    .describe("Gives out addresses of an interface's subnet, with itself as the gateway"),
  services: z
    .array(z.enum(["web", "iperf3"]))
    .default([])
    .describe("Programs that run on it"),
});

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,23}$/)
  .meta({ allowed: "a name of at most 24 small letters, digits and -" });

export const topologySchema = z.strictObject({
  version,
  about: z.string().max(200).default("").describe("What it is, in one line"),
  hosts: z.record(name, hostSchema).meta({ allowed: "a section with one entry per host" }),
  links: z.record(name, linkSchema).meta({ allowed: "a section with one entry per link" }),
  wans: z
    .tuple([name, name])
    .optional()
    .meta({ allowed: 'two links such as ["fibre", "lte"]' })
    .describe("The links that `lab profile` makes its paths A and B"),
});

export type TopologyFile = z.output<typeof topologySchema>;
export type HostSpec = z.output<typeof hostSchema>;

import { z } from "zod";
import { parseChance, parseDuration, parseRate, parseSize, type Parsed } from "../../base/units.ts";
import { deviceName, version } from "../../config/fields.ts";
import { parseRange, parseRoute } from "./addresses.ts";

/** The shape of a topology file. What has to hold between its parts is in rules.ts. */

/** Text or number in, whatever `read` makes of it out; undefined from `read` is a wrong value. */
const from = <T>(read: (input: string | number) => T | undefined, allowed: string) =>
  z
    .union([z.string(), z.number()])
    .transform((input, context) => {
      const value = read(input);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `allowed is ${allowed}` });
      return z.NEVER;
    })
    .meta({ allowed });

const quantity = (parse: (input: unknown) => Parsed, allowed: string, min = 0, max = Infinity) =>
  from((input) => {
    const parsed = parse(input);
    return parsed.ok && parsed.value >= min && parsed.value <= max ? parsed.value : undefined;
  }, allowed);

/** Minutes of delay are a slip of the unit. */
const MAX_DELAY_MS = 10_000;
/** More cannot be held in memory (wire.ts). */
const MAX_QUEUE_BYTES = 32 * 1024 * 1024;

const rate = quantity(parseRate, 'a rate from 1 kbit/s such as "100 Mbit/s"', 1000).describe(
  "How fast; without it, as fast as the machine can",
);
const delay = quantity(parseDuration, 'a time of at most 10 s such as "8 ms"', 0, MAX_DELAY_MS).describe(
  "One way; the round trip is twice as long",
);
const jitter = quantity(parseDuration, 'a time of at most 10 s such as "5 ms"', 0, MAX_DELAY_MS).describe(
  "Standard deviation of the delay; packets keep their order",
);
const loss = quantity(parseChance, 'a chance from 0 % to 100 % such as "0.5 %"', 0, 1000).describe(
  "Packets lost by chance",
);
const queue = quantity(
  parseSize,
  'a size from 2 KB to 32 MB such as "64 KB"',
  2048,
  MAX_QUEUE_BYTES,
).describe("What may wait for the transmitter; without it, 64 KB or 100 ms at the rate, whichever is more");

export const directionFields = {
  rate: rate.optional(),
  delay: delay.optional(),
  jitter: jitter.optional(),
  loss: loss.optional(),
  queue: queue.optional(),
};

const direction = z.strictObject(directionFields);

/** "router:fibre": the interface `fibre` of the host `router`. */
const end = from((input) => {
  const [host = "", device = "", ...rest] = String(input).split(":");
  return host !== "" && device !== "" && rest.length === 0 ? { host, device } : undefined;
}, 'an end of a link such as "router:fibre" (host, interface)');

/** What may be said about a link, in the file or while it is running. */
export const linkChange = z.strictObject({
  ...directionFields,
  up: direction.optional().describe("What differs from the first end to the second"),
  down: direction.optional().describe("What differs from the second end to the first"),
});

export const linkSchema = z.strictObject({
  ...linkChange.shape,
  ends: z
    .tuple([end, end])
    .meta({ allowed: 'two ends such as ["router:fibre", "isp:lan"]' })
    .describe("Which two interfaces; `up` is from the first to the second"),
});

const range = from(
  (input) => parseRange(String(input)),
  'an address with its prefix, such as "192.0.2.1/24", or several in a row: "192.0.2.10/24 x 200"',
);
const route = from(
  (input) => parseRoute(String(input)),
  'a route such as "default via 192.0.2.1" or "10.0.0.0/8 via 192.0.2.1 metric 100"',
);

/** 5 days is what Linux itself waits (nf_conntrack_tcp_timeout_established); a week is enough for anybody. */
const MAX_TIMEOUT_MS = 7 * 86_400_000;
const timeout = quantity(parseDuration, 'a time from 1 s to 7 d such as "30 s"', 1000, MAX_TIMEOUT_MS);

/** The least that RFC 5382 (REQ-5) wants of an idle TCP connection: 2 hours and 4 minutes. */
const TCP_TIMEOUT_MS = 7_440_000;
/** A quarter of what RFC 4787 (REQ-5) wants, and what cheap boxes do. */
const UDP_TIMEOUT_MS = 30_000;

const nat = z.strictObject({
  outside: deviceName.describe("The interface whose address everything takes"),
  tcp: timeout.default(TCP_TIMEOUT_MS).describe("Idle time after which a TCP mapping is forgotten"),
  udp: timeout.default(UDP_TIMEOUT_MS).describe("Idle time after which a UDP mapping is forgotten"),
  maxEntries: z.int().min(1).max(1_000_000).optional().describe("Mappings at a time; more are refused"),
});

export const hostSchema = z.strictObject({
  interfaces: z
    .record(deviceName, z.array(range))
    .meta({ allowed: 'a section of interfaces, each with a list of addresses such as ["192.0.2.1/24"]' })
    .describe("Network devices and their addresses"),
  routes: z.array(route).default([]).describe("Static routes"),
  forwards: z.boolean().default(false).describe("True for a router: passes on what is not for itself"),
  nat: nat
    .optional()
    .describe("Makes it a router that hides IPv4 behind one address, and answers nobody outside"),
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
});

export type TopologyFile = z.output<typeof topologySchema>;
export type HostSpec = z.output<typeof hostSchema>;
export type LinkSpec = z.output<typeof linkSchema>;
export type LinkChange = z.input<typeof linkChange>;
export type DirectionChange = z.output<typeof direction>;
export type NatSpec = z.output<typeof nat>;

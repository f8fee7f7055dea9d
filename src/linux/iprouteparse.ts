import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import {
  IPPROTO_TCP,
  type Address,
  type Family,
  type Link,
  type MptcpLimits,
  type Route,
  type Rule,
} from "./iproute.ts";

/*
 * iproute2's JSON, read strictly: what we rely on must be there in the right type. What a newer iproute2 adds is no
 * concern of ours. With -N, table and protocol are numbers in strings.
 */
const numeric = z.string().regex(/^\d+$/).transform(Number);
const hex = z
  .string()
  .regex(/^(0x[\da-f]+|0)$/)
  .transform(Number);
const family = z.enum(["inet", "inet6"]);

const addressSchema = z
  .object({
    family,
    local: z.string(),
    prefixlen: z.int().min(0).max(128),
    scope: z.string(),
    secondary: z.boolean().optional(),
    temporary: z.boolean().optional(),
    tentative: z.boolean().optional(),
    dadfailed: z.boolean().optional(),
    deprecated: z.boolean().optional(),
    metric: z.int().optional(),
  })
  .transform((raw): Address => ({
    family: raw.family,
    address: raw.local,
    prefixLength: raw.prefixlen,
    scope: raw.scope === "host" || raw.scope === "link" || raw.scope === "site" ? raw.scope : "global",
    secondary: raw.secondary === true || raw.temporary === true,
    preferred: !raw.tentative && !raw.dadfailed && !raw.deprecated,
    ...(raw.metric !== undefined && { metric: raw.metric }),
  }));

const linkSchema = z
  .object({
    ifindex: z.int().positive(),
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.int(),
    link_type: z.string().optional(),
    address: z.string().optional(),
    permaddr: z.string().optional(),
    linkinfo: z
      .object({
        info_kind: z.string().optional(),
        info_data: z.object({ id: z.int().optional().catch(undefined) }).optional(),
      })
      .optional(),
    // `ip` prints an empty object where an address was removed while it was listing.
    addr_info: z
      .array(z.unknown())
      .transform((entries) => entries.filter(isFilled))
      .pipe(z.array(addressSchema)),
  })
  .transform((raw): Link => ({
    name: raw.ifname,
    index: raw.ifindex,
    kind: raw.linkinfo?.info_kind,
    up: raw.flags.includes("UP"),
    carrier: raw.flags.includes("LOWER_UP"),
    mtu: raw.mtu,
    ...(raw.link_type === "ether" && raw.address !== undefined && { mac: raw.address.toLowerCase() }),
    ...(raw.permaddr !== undefined && { permanentMac: raw.permaddr.toLowerCase() }),
    ...(raw.linkinfo?.info_kind === "vlan" &&
      raw.linkinfo.info_data?.id !== undefined && { vlan: raw.linkinfo.info_data.id }),
    addresses: raw.addr_info,
  }));

/** As iproute2 calls it with -N, and without. */
const TCP_NAMES: ReadonlySet<string> = new Set(["ipproto-6", "6", "tcp"]);
/** FR_ACT_BLACKHOLE of linux/fib_rules.h, and its name. */
const BLACKHOLE_NAMES: ReadonlySet<string> = new Set(["6", "blackhole"]);

/** Undefined for what stands for every address. */
const prefixOf = (address: string | undefined, length: number | undefined): string | undefined =>
  address === undefined || address === "all"
    ? undefined
    : length === undefined
      ? address
      : `${address}/${length}`;

const ruleSchema = z
  .object({
    priority: z.int(),
    src: z.string(),
    srclen: z.int().optional(),
    dst: z.string().optional(),
    dstlen: z.int().optional(),
    fwmark: hex.optional(),
    fwmask: hex.optional(),
    iif: z.string().optional(),
    oif: z.string().optional(),
    ipproto: z.string().optional(),
    sport_start: z.int().optional(),
    sport_end: z.int().optional(),
    action: z.string().optional(),
    table: numeric.optional(),
    suppress_prefixlen: z.int().optional(),
    protocol: numeric,
  })
  .transform((raw) =>
    compact({
      priority: raw.priority,
      from: prefixOf(raw.src, raw.srclen),
      to: prefixOf(raw.dst, raw.dstlen),
      fwmark: raw.fwmark === undefined ? undefined : { value: raw.fwmark, mask: raw.fwmask ?? 0xffff_ffff },
      iif: raw.iif,
      oif: raw.oif,
      protocolNumber: TCP_NAMES.has(raw.ipproto ?? "") ? IPPROTO_TCP : undefined,
      sourcePorts:
        raw.sport_start === undefined || raw.sport_end === undefined
          ? undefined
          : { first: raw.sport_start, last: raw.sport_end },
      action: BLACKHOLE_NAMES.has(raw.action ?? "") ? ("blackhole" as const) : undefined,
      table: raw.table,
      suppressPrefixLength: raw.suppress_prefixlen,
      protocol: raw.protocol,
    }),
  );

/** rtm_type of linux/rtnetlink.h. */
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
/** IP6_RT_PRIO_USER: what the kernel gives an IPv6 route that names no metric. */
const INET6_DEFAULT_METRIC = 1024;

const routeSchema = z.object({
  type: numeric.optional(),
  dst: z.string(),
  gateway: z.string().optional(),
  dev: z.string().optional(),
  table: numeric.optional(),
  protocol: numeric,
  prefsrc: z.string().optional(),
  metric: z.int().optional(),
  flags: z.array(z.string()),
  metrics: z.array(z.object({ initcwnd: z.int().optional() })).optional(),
  nexthops: z
    .array(
      z
        .object({
          gateway: z.string().optional(),
          // A gateway of the other family (RFC 5549).
          via: z.object({ host: z.string() }).optional(),
          dev: z.string(),
          weight: z.int(),
          flags: z.array(z.string()),
        })
        .transform((raw) =>
          compact({
            device: raw.dev,
            gateway: raw.gateway ?? raw.via?.host,
            onlink: raw.flags.includes("onlink") || undefined,
            weight: raw.weight,
          }),
        ),
    )
    .optional(),
});

const RT_TABLE_MAIN = 254;

export function parseLinks(json: string): readonly Link[] {
  return parse("ip address", z.array(z.unknown()), json)
    .filter(isFilled)
    .map((entry) => check("ip address", linkSchema, entry));
}

export function parseRules(json: string, family: Family): readonly Rule[] {
  return parse("ip rule", z.array(ruleSchema), json).map((rule) => ({ family, ...rule }));
}

export function parseRoutes(json: string, family: Family): readonly Route[] {
  return parse("ip route", z.array(routeSchema), json).map((raw) => ({
    family,
    type: raw.type === RTN_LOCAL ? "local" : (raw.type ?? RTN_UNICAST) === RTN_UNICAST ? "unicast" : "other",
    ...compact({
      table: raw.table ?? RT_TABLE_MAIN,
      destination: raw.dst,
      gateway: raw.gateway,
      onlink: raw.flags.includes("onlink") || undefined,
      device: raw.dev,
      nextHops: raw.nexthops,
      source: raw.prefsrc,
      metric: family === "inet6" && raw.metric === INET6_DEFAULT_METRIC ? undefined : raw.metric || undefined,
      initcwnd: raw.metrics?.[0]?.initcwnd,
      protocol: raw.protocol,
    }),
  }));
}

/** iproute2 6.1 has no JSON for limits: "add_addr_accepted 0 subflows 8". */
export function parseLimits(text: string): MptcpLimits {
  const [, accepted, subflows] = /^add_addr_accepted (\d+) subflows (\d+)\s*$/.exec(text) ?? [];
  if (accepted === undefined || subflows === undefined) throw unreadable("ip mptcp limits", text);
  return { subflows: Number(subflows), addAddrAccepted: Number(accepted) };
}

function parse<T>(what: string, schema: z.ZodType<T>, json: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json === "" ? "[]" : json);
  } catch (error) {
    throw unreadable(what, json, error);
  }
  return check(what, schema, value);
}

function check<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw unreadable(what, z.prettifyError(result.error), result.error);
  return result.data;
}

function unreadable(what: string, found: string, cause?: unknown): SennitError {
  return new SennitError(
    "kernel",
    "ip-unreadable",
    `${what} said what we cannot read: ${found.slice(0, 500)}`,
    {
      cause,
    },
  );
}

const isFilled = (entry: unknown): boolean =>
  typeof entry === "object" && entry !== null && Object.keys(entry).length > 0;

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same object without the keys that are undefined, so that equal things are deeply equal. */
function compact<T extends object>(object: T): Compact<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Compact<T>;
}

import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { z } from "zod";
import { parseDuration, parseSize, type Parsed } from "../base/units.ts";

export type Role = "router" | "server";

/**
 * Words that iproute2 reads as its own where a device name may stand ("ip link set up"), and names that already mean
 * something: `all` and `default` are sysctl's, `lo` is the loopback device.
 */
const TAKEN_NAMES = new Set(
  "add addr address all brd broadcast change default del delete dev down flush get group help link list lo local mtu name netns peer replace set show type up via".split(
    " ",
  ),
);

/** As the kernel's dev_valid_name(): up to 15 bytes (IFNAMSIZ), narrowed to what needs no quoting anywhere. */
const DEVICE_NAME = /^[A-Za-z0-9_][\w.-]{0,14}$/;

export const deviceName = z
  .string()
  .refine((name) => DEVICE_NAME.test(name) && !TAKEN_NAMES.has(name))
  .meta({
    allowed:
      'the name of a network device: at most 15 of A-Z a-z 0-9 . _ -, and not a word of iproute2 such as "up"',
  });

export const ipAddress = z
  .string()
  .refine((text) => isIP(text) !== 0)
  .meta({ allowed: 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"' });

export const network = z
  .string()
  .refine(isNetwork)
  .meta({ allowed: 'a network such as "10.1.0.0/16" or "fd00:1::/32", with no bits set behind the prefix' });

export const directory = z
  .string()
  .refine((path) => path.startsWith("/") && !path.includes("\0") && path.length < 1024)
  .meta({ allowed: "an absolute path" });

export const logLevel = z.enum(["debug", "info", "warn", "error", "silent"]);

/** Where the sockets of a role are when its config says nothing. */
export const defaultRunDirectory = (role: Role): string => `/run/sennit/${role}`;

/** The two directories of a role, with what they are when the file says nothing. */
export const directories = (role: Role) =>
  z
    .strictObject({
      state: directory
        .default(`/var/lib/sennit/${role}`)
        .describe("What must outlive a restart: keys, what was joined"),
      run: directory
        .default(defaultRunDirectory(role))
        .describe("The API's socket and other things of one run"),
    })
    .prefault({})
    .describe("Where Sennit keeps its files");

/** Text such as "10 min" in, milliseconds or bytes out, where `parse` finds a number from `min` to `max`. */
const quantity = (parse: (input: unknown) => Parsed, min: number, max: number, allowed: string) =>
  z
    .union([z.string(), z.number()])
    .transform((input, context) => {
      const parsed = parse(input);
      if (parsed.ok && parsed.value >= min && parsed.value <= max) return parsed.value;
      context.addIssue({ code: "custom", message: allowed });
      return z.NEVER;
    })
    .meta({ allowed });

const SECOND_MS = 1000;
const DAY_MS = 86_400 * SECOND_MS;
const MIB = 1024 ** 2;

/** In milliseconds. */
export const grace = quantity(parseDuration, 0, DAY_MS, 'a duration of at most "1 d", such as "10 min"')
  .prefault("10 min")
  .describe(
    "How long connections outlive the last carrier, waiting for the other end; then they are reset. The shorter of both ends' counts",
  );

/** In milliseconds. */
export const drain = quantity(
  parseDuration,
  SECOND_MS,
  7 * DAY_MS,
  'a duration from "1 s" to "7 d", such as "1 h"',
)
  .prefault("1 h")
  .describe(
    "How long, after an upgrade, the old data process goes on with the connections it has; then they are reset",
  );

/** In bytes. */
export const graceMemory = quantity(parseSize, MIB, 1024 * MIB, 'a size from "1 MB" to "1 GB"')
  .prefault("64 MB")
  .describe(
    "What may be held for routers that are out of reach, all together; beyond it, who has waited longest is given up",
  );

export const workers = z
  .int()
  .min(1)
  .max(16)
  .optional()
  .describe(
    "Threads that carry traffic; without it, 1 on up to two cores, else one fewer than there are cores, at most 4. A data process that runs keeps what it began with",
  );

export const log = z
  .strictObject({
    level: logLevel.default("info").describe("The least important lines that are still written"),
  })
  .prefault({})
  .describe("One JSON object per line on standard error");

export const version = z.literal(1).describe("Version of this file's format");

/** "10.1.0.0/16": an address, a prefix length in range, and no host bits (those would be a slip of the hand). */
export function isNetwork(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  if (Number(length) > (family === 4 ? 32 : 128)) return false;
  const first = (family === 4 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(text);
  return first.toString() === ipaddr.parse(address).toString();
}

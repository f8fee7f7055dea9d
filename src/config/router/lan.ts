import { isIP } from "node:net";
import { z } from "zod";
import { parseDuration } from "../../base/units.ts";
import { DAY_MS, quantity, SECOND_MS } from "../fields.ts";
import { deviceAddress, deviceName, ipAddress, macAddress } from "../networkfields.ts";

/** RFC 1123, section 2.1. */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

const hostName = z
  .string()
  .regex(new RegExp(`^${LABEL}$`))
  .meta({ allowed: 'a name without dots, such as "printer"', samples: ["printer", "nas-1"] });

const domainName = z
  .string()
  .max(253)
  .regex(new RegExp(`^${LABEL}(?:\\.${LABEL})*$`))
  .meta({ allowed: 'a domain such as "home.arpa"', samples: ["home.arpa", "lan"] });

const ipv4 = z
  .string()
  .refine((text) => isIP(text) === 4)
  .meta({ allowed: 'an IPv4 address such as "192.0.2.9"', samples: ["192.0.2.9", "192.0.2.10"] });

const addressRange = z
  .string()
  .refine((text) => parseRange(text) !== undefined)
  .meta({
    allowed: 'the first and the last of some IPv4 addresses, such as "192.0.2.100-192.0.2.199"',
    samples: ["192.0.2.100-192.0.2.199"],
  });

/** First and last address of "192.0.2.100-192.0.2.199"; undefined for what is none. Which is larger is not looked at. */
export function parseRange(text: string): readonly [string, string] | undefined {
  const [first = "", last = "", ...rest] = text.split("-").map((part) => part.trim());
  return rest.length === 0 && isIP(first) === 4 && isIP(last) === 4 ? [first, last] : undefined;
}

const MINUTE_MS = 60 * SECOND_MS;

const dhcp = z
  .strictObject({
    range: addressRange.describe("The addresses that are given out"),
    /** In milliseconds. */
    lease: quantity(parseDuration, {
      // dnsmasq takes no shorter one.
      min: 2 * MINUTE_MS,
      max: 30 * DAY_MS,
      allowed: 'a duration from "2 min" to "30 d", such as "12 h"',
      samples: ["12 h", "2 min", "30 d"],
    })
      .prefault("12 h")
      .describe("How long an address is given out for"),
    hosts: z
      .array(
        z.strictObject({
          mac: macAddress.describe("Who"),
          address: ipv4.describe("Its address"),
          name: hostName.optional().describe("Its name in the LAN's DNS"),
        }),
      )
      .max(1000)
      .default([])
      .describe("Machines that always get the same address"),
  })
  .optional()
  .describe("Give out IPv4 addresses to the LAN");

const dns = z
  .strictObject({
    upstream: z
      .array(ipAddress)
      .min(1)
      .max(8)
      .optional()
      .describe("Who is asked for names; without it, who the router itself asks"),
    domain: domainName.optional().describe("The LAN's own domain"),
  })
  .optional()
  .describe("Answer the LAN's questions for names");

/** Who is served, and what with. */
export const lan = z
  .strictObject({
    interfaces: z.array(deviceName).min(1).describe("The devices whose traffic is carried"),
    addresses: z
      .array(deviceAddress)
      .min(1)
      .max(8)
      .optional()
      .describe("The router's own addresses there; without it, those that the device has"),
    dhcp,
    dns,
    ra: z.boolean().default(false).describe("Announce the LAN's IPv6 networks to it (router advertisements)"),
  })
  .describe("Who is served");

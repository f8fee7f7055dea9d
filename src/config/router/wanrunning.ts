import { z } from "zod";
import { parseSize } from "../../base/units.ts";
import { endpoint, ipAddress } from "../networkfields.ts";
import { MIB, quantity } from "../fields.ts";

/* What may change a WAN's role while the router runs. */

const TIB = MIB ** 2;

/** In bytes. */
const volume = quantity(parseSize, {
  min: MIB,
  max: 1024 * TIB,
  allowed: 'a size from "1 MB" to "1024 TB", such as "500 GB"',
  samples: ["500 GB", "1 MB", "2 TB"],
});

/** The last day that every month has. */
const LAST_START_DAY = 28;

export const quota = z
  .strictObject({
    tx: volume.optional().describe("Bytes sent in a month"),
    rx: volume.optional().describe("Bytes received in a month"),
    total: volume.optional().describe("Both together"),
    startDay: z
      .int()
      .min(1)
      .max(LAST_START_DAY)
      .default(1)
      .describe("The day on which a new month begins, at midnight of local time"),
    action: z
      .enum(["warn", "backup", "off"])
      .default("warn")
      .describe("What happens when it is used up: tell, use as a backup only, or not at all"),
  })
  .optional()
  .describe("What may be used in a month");

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** "HH:MM", to 24:00; minutes since midnight come out. */
export const timeOfDay = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/)
  .transform((text) => {
    const [hours = 0, minutes = 0] = text.split(":").map(Number);
    return hours * 60 + minutes;
  })
  .meta({
    allowed: 'a time of day in quotes, from "00:00" to "24:00"',
    samples: ["08:30", "00:00", "24:00"],
  });

export const schedule = z
  .array(
    z.strictObject({
      days: z
        .array(z.enum(DAYS))
        .min(1)
        .max(DAYS.length)
        .default([...DAYS])
        .describe("The days on which the time begins"),
      from: timeOfDay.describe("When it begins, in local time"),
      to: timeOfDay.describe("When it ends; where that is earlier than `from`, on the day after"),
      role: z.enum(["active", "backup", "off"]).describe("The WAN's role in that time"),
    }),
  )
  .max(32)
  .optional()
  .describe("Times in which the role is another; where several hold, the first of them counts");

/** Where a WAN's way to the internet is tried: an address, or for TCP HOST:PORT. */
const target = z.union([ipAddress, endpoint]).meta({
  allowed: 'an address such as "192.0.2.1", or HOST:PORT for tcp',
  samples: ["192.0.2.1", "2001:db8::1", "host.example:443"],
});

export const check = z
  .strictObject({
    kind: z
      .enum(["icmp", "tcp", "dns"])
      .describe("`icmp` wants an echo, `tcp` a connection, `dns` the root's name servers"),
    targets: z
      .array(target)
      .min(1)
      .max(8)
      .describe("Who is asked: addresses; for tcp HOST:PORT. One that answers is enough"),
  })
  .optional()
  .describe("A look beyond the gateway, for connections that go out directly");

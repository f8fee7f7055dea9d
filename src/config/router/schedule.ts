import { z } from "zod";

/** As wan/schedule.ts has them. */
const day = z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
const EVERY_DAY = day.options;

const TIME = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;

/** "06:30" in, minutes of the day out. */
const timeOfDay = z
  .string()
  .regex(TIME)
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)))
  .meta({ allowed: 'a time of day from "00:00" to "24:00", such as "06:30"', samples: ["06:30", "24:00"] });

const span = z.strictObject({
  days: z.array(day).min(1).max(7).default(EVERY_DAY).describe("The days on which it begins"),
  from: timeOfDay.describe("When it begins"),
  to: timeOfDay.describe("When it ends; a time that is not after `from` is the next day's"),
  role: z.enum(["active", "backup", "off"]).describe("The role that the WAN has in this time"),
});

/** Hours at which a WAN has another role. */
export const schedule = z
  .array(span)
  .max(32)
  .default([])
  .describe(
    "Hours, in this machine's time zone, in which the WAN has another role; the first that is now counts. While the clock is not set, none does",
  );

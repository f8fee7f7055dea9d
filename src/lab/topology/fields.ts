import { z } from "zod";
import type { Parsed } from "../../base/units.ts";

/** Text or number in, whatever `read` makes of it out; undefined from `read` is a wrong value. */
export const from = <T>(read: (input: string | number) => T | undefined, allowed: string) =>
  z
    .union([z.string(), z.number()])
    .transform((input, context) => {
      const value = read(input);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `allowed is ${allowed}` });
      return z.NEVER;
    })
    .meta({ allowed });

/** A quantity with its unit, from `min` to `max`. */
export const quantity = (parse: (input: unknown) => Parsed, allowed: string, min = 0, max = Infinity) =>
  from((input) => within(parse(input), min, max), allowed);

/** The number, if there is one and it is from `min` to `max`. */
export function within(parsed: Parsed, min: number, max: number): number | undefined {
  return parsed.ok && parsed.value >= min && parsed.value <= max ? parsed.value : undefined;
}

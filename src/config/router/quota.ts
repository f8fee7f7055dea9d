import { z } from "zod";
import { parseSize } from "../../base/units.ts";
import { MIB, quantity } from "../fields.ts";
import type { Fault } from "../load.ts";

/** In bytes. */
const volume = quantity(parseSize, {
  min: MIB,
  max: 1024 * MIB ** 2,
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
  .describe("What may be used in a month; at least one of tx, rx and total");

/** What the rules need to see of a section that may be wrong everywhere else. */
export const quotaGlimpse = z.record(z.string(), z.unknown()).optional().catch(undefined);

/** There is something to keep to. */
export function quotaRules(seen: z.output<typeof quotaGlimpse>): readonly Fault[] {
  if (seen === undefined || ["tx", "rx", "total"].some((key) => seen[key] !== undefined)) return [];
  return [{ path: ["quota"], found: "no limit", allowed: "at least one of tx, rx and total" }];
}

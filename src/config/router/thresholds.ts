import { z } from "zod";
import { parseChance, parseDuration } from "../../base/units.ts";
import { quantity } from "../fields.ts";

/** From where on a WAN counts as degraded. */
export const thresholds = z
  .strictObject({
    /** Per mille. */
    loss: quantity(parseChance, {
      min: 1,
      max: 1000,
      allowed: 'a share from "0.1 %" to "100 %", such as "3 %"',
      samples: ["3 %", "0.1 %", "100 %"],
    })
      .prefault("3 %")
      .describe("Packets lost on a WAN from which on it is degraded"),
    /** In milliseconds. */
    delay: quantity(parseDuration, {
      min: 1,
      max: 10_000,
      allowed: 'a duration from "1 ms" to "10 s", such as "400 ms"',
      samples: ["400 ms", "1 ms", "10 s"],
    })
      .optional()
      .describe("Round trip from which on a WAN is degraded; without it, none is too long"),
  })
  .prefault({})
  .describe("When a WAN is degraded");

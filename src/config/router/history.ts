import { z } from "zod";
import { parseDuration, parseSize } from "../../base/units.ts";
import { DAY_MS, MIB, quantity, SECOND_MS } from "../fields.ts";

const MINUTE_MS = 60 * SECOND_MS;
const MAX_DAYS = 3650;

/** In milliseconds. */
const keep = (usual: string) =>
  quantity(parseDuration, {
    min: 10 * MINUTE_MS,
    max: MAX_DAYS * DAY_MS,
    allowed: `a duration from "10 min" to "${MAX_DAYS} d", such as "${usual}"`,
    samples: [usual, "10 min", `${MAX_DAYS} d`],
  }).prefault(usual);

/** How long what is known of the past is kept. */
export const history = z
  .strictObject({
    seconds: keep("6 h").describe("How long the WANs' figures of every second are kept"),
    minutes: keep("14 d").describe("The same of every minute"),
    hours: keep("730 d").describe("The same of every hour"),
    events: keep("90 d").describe("How long events are kept"),
    /** In bytes. */
    size: quantity(parseSize, {
      min: 8 * MIB,
      max: 4096 * MIB,
      allowed: 'a size from "8 MB" to "4 GB", such as "64 MB"',
      samples: ["64 MB", "8 MB", "4 GB"],
    })
      .prefault("64 MB")
      .describe(
        "The most that all of it may take on disk; before that, what is oldest and finest goes early",
      ),
  })
  .prefault({})
  .describe("What is kept of the past, in `history.db` of the state directory");

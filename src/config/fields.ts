import { z } from "zod";
import { parseDuration, parseSize, type Parsed } from "../base/units.ts";

export type Role = "router" | "server";

export const directory = z
  .string()
  .refine((path) => path.startsWith("/") && !path.includes("\0") && path.length < 1024)
  .meta({ allowed: "an absolute path", samples: ["/var/lib/sennit/here"] });

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

/**
 * Text such as "10 min" in, the number that `parse` finds (ms, bytes, bit/s, per mille) out, where that is from `min` to
 * `max`. `samples` are such texts.
 */
export const quantity = (
  parse: (input: unknown) => Parsed,
  { min, max, allowed, samples }: Bounds & { readonly allowed: string; readonly samples: readonly string[] },
) =>
  z
    .union([z.string(), z.number()])
    .transform((input, context) => {
      const parsed = parse(input);
      if (parsed.ok && parsed.value >= min && parsed.value <= max) return parsed.value;
      context.addIssue({ code: "custom", message: allowed });
      return z.NEVER;
    })
    .meta({ allowed, samples: [...samples] });

interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const SECOND_MS = 1000;
export const DAY_MS = 86_400 * SECOND_MS;
export const MIB = 1024 ** 2;

/** In milliseconds. */
export const grace = quantity(parseDuration, {
  min: 0,
  max: DAY_MS,
  allowed: 'a duration of at most "1 d", such as "10 min"',
  samples: ["10 min", "0 s", "1 d"],
})
  .prefault("10 min")
  .describe(
    "How long connections outlive the last carrier, waiting for the other end; then they are reset. The shorter of both ends' counts",
  );

/** In milliseconds. */
export const drain = quantity(parseDuration, {
  min: SECOND_MS,
  max: 7 * DAY_MS,
  allowed: 'a duration from "1 s" to "7 d", such as "1 h"',
  samples: ["1 h", "1 s", "7 d"],
})
  .prefault("1 h")
  .describe(
    "How long, after an upgrade, the old data process goes on with the connections it has; then they are reset",
  );

/** In bytes. */
export const graceMemory = quantity(parseSize, {
  min: MIB,
  max: 1024 * MIB,
  allowed: 'a size from "1 MB" to "1 GB"',
  samples: ["64 MB", "1 MB", "1 GB"],
})
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

import type { Hono } from "hono";
import { z } from "zod";
import { asResponse, problem } from "./problem.ts";

/** Points in time that an answer tells of, at most, of each WAN: more than any screen has columns. */
export const MAX_POINTS = 4000;
/** Events in an answer at most: the latest. */
export const MAX_EVENTS = 1000;

const time = z.coerce.number().int().nonnegative();

/** Times are milliseconds since 1970, `from` included, `to` not. */
export const historyQuerySchema = z
  .strictObject({ from: time, to: time, wan: z.string().optional() })
  .refine(({ from, to }) => from < to, { message: "ends before it begins" });
export type HistoryQuery = z.infer<typeof historyQuerySchema>;

const figure = z.number().nonnegative();
const unknownOr = figure.nullable();

/** How a WAN fared for the time of a step. Rates are bit/s; `null` is "not known". */
export const sampleSchema = z.object({
  /** When it began: milliseconds since 1970, by the router's clock. */
  at: z.number(),
  /** How much of the time was looked at (s). */
  seconds: figure,
  bytes: z.object({ down: figure, up: figure }),
  rate: z.object({ down: figure, up: figure }),
  /** The most in any second of it. */
  peak: z.object({ down: figure, up: figure }),
  rttMs: unknownOr,
  rttMaxMs: unknownOr,
  jitterMs: unknownOr,
  lossPerMille: unknownOr,
  /** Of the time that was looked at, the share in which it could carry traffic. */
  carryingPerMille: figure,
});
export type HistorySample = z.infer<typeof sampleSchema>;

export const historySchema = z.object({
  /** Time that a sample stands for. */
  stepMs: z.number(),
  from: z.number(),
  to: z.number(),
  wans: z.array(z.object({ name: z.string(), samples: z.array(sampleSchema) })),
});
export type HistoryReport = z.infer<typeof historySchema>;

/** What a role remembers. */
export interface HistoryService {
  history(query: HistoryQuery): HistoryReport;
}

export function addHistoryRoutes(api: Hono, service: HistoryService): void {
  api.get("/v1/history", (context) => {
    const query = historyQuerySchema.safeParse(context.req.query());
    if (query.success) return context.json(service.history(query.data));
    return asResponse({
      ...problem(400, "query-invalid", "the query is not as it should be"),
      errors: query.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
    });
  });
}

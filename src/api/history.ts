import type { Hono } from "hono";
import { z } from "zod";
import { asResponse, problem } from "./problem.ts";

/** Points in time that an answer tells of, at most, of each WAN: more than any screen has columns. */
export const MAX_POINTS = 4000;
/** Events in an answer at most: the latest. */
export const MAX_EVENTS = 1000;

const time = z.coerce.number().int().nonnegative();

/** `from` included, `to` not. */
const span = { from: time, to: time };
const inOrder = [
  ({ from, to }: { readonly from: number; readonly to: number }) => from < to,
  { message: "ends before it begins" },
] as const;

/** Times are milliseconds since 1970. */
export const historyQuerySchema = z.strictObject({ ...span, wan: z.string().optional() }).refine(...inOrder);
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

export const eventsQuerySchema = z
  .strictObject({ ...span, limit: z.coerce.number().int().min(1).max(MAX_EVENTS).default(MAX_EVENTS) })
  .refine(...inOrder);
export type EventsQuery = z.infer<typeof eventsQuerySchema>;

export const eventSchema = z.object({
  /** Milliseconds since 1970, by the router's clock. */
  at: z.number(),
  /** Stable, for programs. */
  code: z.string(),
  severity: z.enum(["info", "warning", "critical"]),
  /** The WAN it is about; null where it is about the whole router. */
  wan: z.string().nullable(),
  text: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});
export type KeptEvent = z.infer<typeof eventSchema>;

/** Oldest first. */
export const eventsSchema = z.object({ events: z.array(eventSchema) });
export type EventsReport = z.infer<typeof eventsSchema>;

/** What a role remembers. */
export interface HistoryService {
  history(query: HistoryQuery): HistoryReport;
  eventsOf(query: EventsQuery): EventsReport;
}

export function addHistoryRoutes(api: Hono, service: HistoryService): void {
  api.get("/v1/history", (context) =>
    answer(context.req.query(), historyQuerySchema, (query) => service.history(query)),
  );
  api.get("/v1/events", (context) =>
    answer(context.req.query(), eventsQuerySchema, (query) => service.eventsOf(query)),
  );
}

function answer<S extends z.ZodType>(
  asked: Record<string, string>,
  schema: S,
  give: (query: z.output<S>) => object,
): Response {
  const query = schema.safeParse(asked);
  if (query.success) return Response.json(give(query.data));
  return asResponse({
    ...problem(400, "query-invalid", "the query is not as it should be"),
    errors: query.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  });
}

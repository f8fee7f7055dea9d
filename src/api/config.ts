import type { Hono } from "hono";
import { z } from "zod";
import { asResponse, problem } from "./problem.ts";
import { readBody } from "./body.ts";

/** Long enough to walk to another machine and look, short enough for somebody who is locked out. */
export const CONFIRM_WITHIN_MS = 60_000;
const MIN_CONFIRM_MS = 1000;
const MAX_CONFIRM_MS = 3_600_000;

const number = z.int().positive();
const confirmMs = z.int().min(MIN_CONFIRM_MS).max(MAX_CONFIRM_MS).nullable();

/** `confirmMs`: unless confirmed within so long, the config of before comes back. Null: it is not waited for. */
export const applyRequestSchema = z.strictObject({ confirmMs });
export const restoreRequestSchema = z.strictObject({ number, confirmMs });

/** What the config is now. */
export const configStateSchema = z.object({
  file: z.string(),
  /** Number of the version that runs; 0 before there is one. */
  version: z.int().nonnegative(),
  /** What comes back unless it is confirmed, and when. */
  pending: z.object({ before: number, leftMs: z.number().nonnegative() }).nullable(),
});

/** `problems` tell what the kernel refused; the rest was done. */
export const appliedSchema = configStateSchema.extend({
  problems: z.array(z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() })),
});

export const versionSchema = z.object({
  number,
  /** Milliseconds since 1970, by the router's clock. */
  at: z.number(),
  why: z.string(),
  text: z.string(),
});

export const planSchema = z.object({
  /** Commands that would be run, in this order; `input` goes to a command's standard input. */
  steps: z.array(z.object({ command: z.string(), input: z.string().nullable() })),
  /** Our nftables table as it is now. */
  table: z.string().nullable(),
  /** Settings that this kernel or network namespace does not have. */
  absent: z.array(z.string()),
  problems: z.array(z.string()),
});

export type ConfigState = z.infer<typeof configStateSchema>;
export type Applied = z.infer<typeof appliedSchema>;
export type ConfigVersion = z.infer<typeof versionSchema>;
export type Plan = z.infer<typeof planSchema>;

/** What a role does about its config file. */
export interface ConfigService {
  state(): Promise<ConfigState>;
  /** What the file, as it is now, would change in the kernel. */
  plan(): Promise<Plan>;
  apply(confirmMs: number | null): Promise<Applied>;
  confirm(): Promise<ConfigState>;
  versions(): Promise<ConfigVersion[]>;
  restore(number: number, confirmMs: number | null): Promise<Applied>;
}

export function addConfigRoutes(api: Hono, config: ConfigService): void {
  api.get("/v1/config", async (context) => context.json(await config.state()));
  api.get("/v1/config/plan", async (context) => context.json(await config.plan()));
  api.get("/v1/config/versions", async (context) => context.json(await config.versions()));
  api.get("/v1/config/versions/:number", async (context) => {
    const asked = context.req.param("number");
    const found = (await config.versions()).find(({ number: known }) => String(known) === asked);
    return found
      ? context.json(found)
      : asResponse(problem(404, "no-version", `there is no version ${asked}`));
  });
  api.post("/v1/config/apply", async (context) => {
    const request = await readBody(context.req.raw, applyRequestSchema);
    return request instanceof Response ? request : context.json(await config.apply(request.confirmMs));
  });
  api.post("/v1/config/confirm", async (context) => context.json(await config.confirm()));
  api.post("/v1/config/restore", async (context) => {
    const request = await readBody(context.req.raw, restoreRequestSchema);
    if (request instanceof Response) return request;
    return context.json(await config.restore(request.number, request.confirmMs));
  });
}

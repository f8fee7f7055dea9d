import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { readBody } from "./body.ts";
import { addConfigRoutes, type ConfigService } from "./config.ts";
import { addHistoryRoutes, type HistoryService } from "./history.ts";
import { inviteRequestSchema, type Invite, type InviteRequest } from "./invite.ts";
import type { LeasesReport } from "./leases.ts";
import { asResponse, problem, problemOf } from "./problem.ts";
import type { StatusReport } from "./status.ts";

/** What the API needs of a role. */
export interface ApiDeps {
  /** The state as last observed: called for every request, so it must not probe anything. */
  readonly status: () => StatusReport;
  /** Only on a server. */
  readonly invite?: (request: InviteRequest) => Promise<Invite>;
  /** Goes on as the program and config that are installed now: starts to, and returns. */
  readonly upgrade: () => void;
  /** Only on a router. */
  readonly leases?: () => LeasesReport;
  /** Only on a router. */
  readonly history?: HistoryService;
  /** Only on a router. */
  readonly config?: ConfigService;
  readonly log: Log;
}

/** Every request we know is some hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** The HTTP API of a role, as a pure function from request to response: who may connect is its listener's affair. */
export function createApi(deps: ApiDeps): Hono {
  const api = new Hono();
  api.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => asResponse(problem(413, "body-too-large", `more than ${MAX_BODY_BYTES} bytes`)),
    }),
  );

  api.get("/v1/status", (context) => context.json(deps.status()));

  api.get("/v1/health", (context) => {
    const { role, version, state } = deps.status();
    const healthy = state.name === "up" || state.name === "degraded";
    return context.json({ healthy, role, version, state: state.name }, healthy ? 200 : 503);
  });

  api.post("/v1/upgrade", (context) => {
    deps.upgrade();
    return context.json({}, 202);
  });

  const { invite } = deps;
  if (invite !== undefined) {
    api.post("/v1/invites", async (context) => {
      const request = await readBody(context.req.raw, inviteRequestSchema);
      return request instanceof Response ? request : context.json(await invite(request), 201);
    });
  }

  const { leases } = deps;
  if (leases !== undefined) api.get("/v1/leases", (context) => context.json(leases()));

  if (deps.history !== undefined) addHistoryRoutes(api, deps.history);

  if (deps.config !== undefined) addConfigRoutes(api, deps.config);

  answerOtherMethods(api);
  api.notFound((context) => asResponse(problem(404, "not-found", `no ${context.req.path} here`)));
  api.onError((error) => {
    const document = problemOf(error);
    if (document.status === 500) deps.log.error({ err: error }, `request failed: ${messageOf(error)}`);
    return asResponse(document);
  });
  return api;
}

/** The paths above with any other method: 405 and what is allowed (RFC 9110, section 15.5.6). */
function answerOtherMethods(api: Hono): void {
  const methods = new Map<string, string[]>();
  for (const { path, method } of api.routes) {
    if (method !== "ALL") methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.join(", ");
    api.all(path, () => asResponse(problem(405, "method-not-allowed", `allowed: ${allow}`), { allow }));
  }
}

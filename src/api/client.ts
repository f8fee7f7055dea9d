import { request } from "node:http";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import {
  appliedSchema,
  configStateSchema,
  planSchema,
  versionSchema,
  type Applied,
  type ConfigState,
  type ConfigVersion,
  type Plan,
} from "./config.ts";
import {
  eventsSchema,
  historySchema,
  type EventsQuery,
  type EventsReport,
  type HistoryQuery,
  type HistoryReport,
} from "./history.ts";
import { inviteSchema, type Invite, type InviteRequest } from "./invite.ts";
import { leasesSchema, type LeasesReport } from "./leases.ts";
import { problemSchema } from "./problem.ts";
import { statusSchema, type StatusReport } from "./status.ts";

/** Everything is answered from memory; a control process that takes longer hangs. */
const TIMEOUT_MS = 5_000;
/** What reads or changes the kernel runs programs, one after the other, on a small board. */
const KERNEL_TIMEOUT_MS = 30_000;
/** A status of some thousand carriers. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Talks to a running role through its socket. Every method throws `not-running` where nobody listens,
 * `api-forbidden` without the right to connect, `api-timeout`, `api-answer` for what is no answer of ours, and
 * otherwise the code that the role itself gave.
 */
export class Client {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  status(): Promise<StatusReport> {
    return callApi(this.#socket, statusSchema, "GET", "/v1/status");
  }

  /** Settles when the role begins to; its API is away for a moment then. */
  async upgrade(): Promise<void> {
    await callApi(this.#socket, z.object({}), "POST", "/v1/upgrade");
  }

  config(): Promise<ConfigState> {
    return callApi(this.#socket, configStateSchema, "GET", "/v1/config");
  }

  /** Of a router. */
  leases(): Promise<LeasesReport> {
    return callApi(this.#socket, leasesSchema, "GET", "/v1/leases");
  }

  /** Of a router. */
  history({
    from,
    to,
    wan,
  }: Omit<HistoryQuery, "wan"> & { readonly wan?: string | undefined }): Promise<HistoryReport> {
    const query = new URLSearchParams({ from: `${from}`, to: `${to}`, ...(wan !== undefined && { wan }) });
    return this.#slow(historySchema, "GET", `/v1/history?${query.toString()}`);
  }

  /** Of a router. */
  events({ from, to, limit }: EventsQuery): Promise<EventsReport> {
    const query = new URLSearchParams({ from: `${from}`, to: `${to}`, limit: `${limit}` });
    return this.#slow(eventsSchema, "GET", `/v1/events?${query.toString()}`);
  }

  plan(): Promise<Plan> {
    return this.#slow(planSchema, "GET", "/v1/config/plan");
  }

  /** Takes the edited file in. Throws also `config-invalid`, `apply-needs-restart`, `confirm-pending`. */
  apply(confirmMs: number | null): Promise<Applied> {
    return this.#slow(appliedSchema, "POST", "/v1/config/apply", { confirmMs });
  }

  /** Throws also `nothing-to-confirm`. */
  confirm(): Promise<ConfigState> {
    return callApi(this.#socket, configStateSchema, "POST", "/v1/config/confirm");
  }

  versions(): Promise<readonly ConfigVersion[]> {
    return callApi(this.#socket, z.array(versionSchema), "GET", "/v1/config/versions");
  }

  /** Throws also `no-version`. */
  version(number: number): Promise<ConfigVersion> {
    return callApi(this.#socket, versionSchema, "GET", `/v1/config/versions/${number}`);
  }

  restore(number: number, confirmMs: number | null): Promise<Applied> {
    return this.#slow(appliedSchema, "POST", "/v1/config/restore", { number, confirmMs });
  }

  #slow<S extends z.ZodType>(schema: S, method: string, path: string, body?: unknown): Promise<z.output<S>> {
    return callApi(this.#socket, schema, method, path, body, KERNEL_TIMEOUT_MS);
  }

  invite(body: InviteRequest): Promise<Invite> {
    return callApi(this.#socket, inviteSchema, "POST", "/v1/invites", body);
  }
}

/** One request to the API behind `socket`, its answer as `schema` has it. Throws as Client's methods do. */
export async function callApi<S extends z.ZodType>(
  socket: string,
  schema: S,
  method: string,
  path: string,
  body?: unknown,
  timeoutMs = TIMEOUT_MS,
): Promise<z.output<S>> {
  const answer = await exchange(socket, method, path, body, timeoutMs);
  const value = parseJson(answer.text);
  if (answer.status >= 400) {
    const told = problemSchema.safeParse(value).data;
    if (told !== undefined) throw errorOf(told);
  } else {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
  }
  throw new SennitError("peer", "api-answer", `${socket}: ${path} got an answer that is none of ours`, {
    detail: { status: answer.status, path },
    remedy: "the running Sennit may be of another version: restart it",
  });
}

function errorOf(told: z.output<typeof problemSchema>): SennitError {
  const errors = told.errors?.map(({ path, message }) => `\n  ${path || "body"}: ${message}`).join("") ?? "";
  const message = (told.detail ?? told.title) + errors;
  const options = told.remedy === undefined ? {} : { remedy: told.remedy };
  return new SennitError(told.status < 500 ? "config" : "peer", told.code, message, options);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function exchange(
  socket: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (error: NodeJS.ErrnoException): void => reject(explainFailure(error, socket, timeoutMs));
    const headers = payload === undefined ? {} : { "content-type": "application/json" };
    const outgoing = request(
      { socketPath: socket, method, path, headers, signal, agent: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on("data", (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error(`more than ${MAX_ANSWER_BYTES} bytes`));
        });
        incoming.on("error", fail);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    outgoing.on("error", fail);
    outgoing.end(payload);
  });
}

function explainFailure(error: NodeJS.ErrnoException, socket: string, timeoutMs: number): SennitError {
  const options = { cause: error, detail: { socket } };
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED") {
    return new SennitError("network", "not-running", `nothing is running on ${socket}`, {
      ...options,
      remedy: "start it with `sennit router run` or `sennit server run`",
    });
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new SennitError("config", "api-forbidden", `no right to connect to ${socket}`, {
      ...options,
      remedy: "run the command as root",
    });
  }
  if (error.name === "AbortError" || error.name === "TimeoutError") {
    return new SennitError("peer", "api-timeout", `no answer on ${socket} within ${timeoutMs} ms`, options);
  }
  return new SennitError("peer", "api-answer", `${socket}: ${error.message}`, options);
}

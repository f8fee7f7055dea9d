import { z } from "zod";
import { SennitError, type Cause } from "../base/errors.ts";

/** How an error travels: a problem document (RFC 9457) with our stable code. */
export const problemSchema = z.object({
  /** "urn:sennit:problem:not-found": says the same as `code`, as the RFC wants it. */
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string(),
  /** What the user can do about it. */
  remedy: z.string().optional(),
  /** For a body that is not as it should be: every place and what is wrong there. */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type ProblemDocument = z.infer<typeof problemSchema>;

export const PROBLEM_TYPE = "application/problem+json";

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  413: "Request too large",
  500: "Internal error",
  502: "Peer or network error",
  503: "Not ready",
};

/** The caller's fault, the peer's, or ours. */
const STATUS: Readonly<Record<Cause, number>> = {
  config: 400,
  kernel: 500,
  bug: 500,
  peer: 502,
  network: 502,
};

export function problem(status: number, code: string, detail?: string): ProblemDocument {
  return {
    type: `urn:sennit:problem:${code}`,
    title: TITLES[status] ?? "Error",
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
  };
}

/** What of an error may be told: nothing about the inside of a bug, everything about the rest. */
export function problemOf(error: unknown): ProblemDocument {
  if (!(error instanceof SennitError) || error.causeClass === "bug") {
    return problem(500, "internal", "the log says more");
  }
  const document = problem(STATUS[error.causeClass], error.code, error.message);
  return error.remedy === undefined ? document : { ...document, remedy: error.remedy };
}

export function asResponse(document: ProblemDocument, headers: Record<string, string> = {}): Response {
  return Response.json(document, {
    status: document.status,
    headers: { ...headers, "content-type": PROBLEM_TYPE },
  });
}

import type { z } from "zod";
import { asResponse, problem } from "./problem.ts";

/** The body as `schema` has it, or the answer that says everything that is wrong with it. */
export async function readBody<S extends z.ZodType>(
  request: Request,
  schema: S,
): Promise<z.output<S> | Response> {
  let body: unknown;
  try {
    body = await request.json();
  } catch {
    return asResponse(problem(400, "body-not-json", "the body is not JSON"));
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  return asResponse({
    ...problem(400, "body-invalid", "the body is not as it should be"),
    errors: parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  });
}

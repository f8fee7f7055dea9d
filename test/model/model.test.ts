import { expect, test } from "vitest";
import { search } from "./search.ts";

/** As many as fit well into a test run; `node test/model/main.ts` plays more, and others. */
const RUNS = 3000;
const SEED = 20_261_123;
const LIMIT_MS = 120_000;

test("every stream arrives once and whole, or both ends hear that not", { timeout: LIMIT_MS }, async () => {
  expect((await search({ runs: RUNS, seed: SEED })).report).toBeUndefined();
});

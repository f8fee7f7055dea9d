import { z } from "zod";

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const add = (a: Count, b: Count): Count => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

export function describeCount({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Nothing having run is no success. */
export const exitCode = ({ passed, failed }: Count): number => (failed > 0 || passed === 0 ? 1 : 0);

/** What vitest's JSON reporter writes, as far as it is counted here. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).default([]),
        }),
      ),
    }),
  ),
});

export interface Outcome {
  readonly count: Count;
  /** Full names. */
  readonly skipped: readonly string[];
  readonly failures: readonly Failure[];
}

export interface Failure {
  /** A test's full name, or the file that could not be loaded. */
  readonly name: string;
  readonly messages: readonly string[];
}

/**
 * Adds up a vitest run. A report that is missing or not understood, a file that could not be loaded, a runner that
 * ended badly with every test passed, and a run of no test at all each count as a failure.
 */
export function countReport(report: unknown, exitedWell: boolean): Outcome {
  const files = reportSchema.safeParse(report).data?.testResults ?? [];
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const skipped = tests.filter((test) => test.status !== "passed" && test.status !== "failed");
  const broken = files.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const failures = [
    ...tests
      .filter((test) => test.status === "failed")
      .map((test) => ({ name: test.fullName, messages: test.failureMessages })),
    ...broken.map((file) => ({ name: file.name, messages: file.message === "" ? [] : [file.message] })),
  ];
  let failed = failures.length;
  if (failed === 0 && (!exitedWell || tests.length === 0)) failed = 1;
  return {
    count: { passed, failed, skipped: skipped.length },
    skipped: skipped.map((test) => test.fullName),
    failures,
  };
}

/** In CI what was skipped has failed. */
export function judgeSkipped({ count }: Pick<Outcome, "count">, strict: boolean): Count {
  return strict ? { ...count, failed: count.failed + count.skipped, skipped: 0 } : count;
}

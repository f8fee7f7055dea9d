import { expect, test } from "vitest";
import { add, countReport, describeCount, exitCode, judgeSkipped } from "../../scripts/test/count.ts";

const file = (status: string, ...tests: string[]): object => ({
  name: "x.test.ts",
  status,
  assertionResults: tests.map((status, index) => ({ fullName: `test ${index}`, status })),
});
const report = (...testResults: object[]): object => ({ testResults });

test.each([
  ["all well", report(file("passed", "passed", "passed")), true, [2, 0, 0]],
  ["a failure and a skip", report(file("failed", "passed", "failed", "skipped")), false, [1, 1, 1]],
  ["a file that does not load", report(file("failed"), file("passed", "passed")), false, [1, 1, 0]],
  ["a runner that ends badly after the last test", report(file("passed", "passed")), false, [1, 1, 0]],
  ["no test at all", report(), true, [0, 1, 0]],
  ["no report", undefined, false, [0, 1, 0]],
  ["a report of another shape", { tests: 3 }, true, [0, 1, 0]],
])("%s", (_, value, exitedWell, [passed, failed, skipped]) => {
  expect(countReport(value, exitedWell).count).toEqual({ passed, failed, skipped });
});

test("what is skipped is named, and has failed in CI", () => {
  const outcome = countReport(report(file("passed", "passed", "pending", "todo")), true);
  expect(outcome.skipped).toEqual(["test 1", "test 2"]);
  expect(judgeSkipped(outcome, false)).toEqual({ passed: 1, failed: 0, skipped: 2 });
  expect(judgeSkipped(outcome, true)).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test("what failed is told again at the end, with its message", () => {
  const failed = { fullName: "b", status: "failed", failureMessages: ["expected 1"] };
  const files = [
    { name: "x.test.ts", status: "failed", assertionResults: [{ fullName: "a", status: "passed" }, failed] },
    { name: "y.test.ts", status: "failed", message: "cannot load", assertionResults: [] },
  ];
  expect(countReport(report(...files), false).failures).toEqual([
    { name: "b", messages: ["expected 1"] },
    { name: "y.test.ts", messages: ["cannot load"] },
  ]);
});

test("the closing line and the exit code", () => {
  const passed = { passed: 3, failed: 0, skipped: 0 };
  const mixed = { passed: 1, failed: 2, skipped: 4 };
  expect(describeCount(passed)).toBe("3 passed, 0 failed");
  expect(describeCount(add(passed, mixed))).toBe("4 passed, 2 failed, 4 skipped");
  expect([passed, mixed, { ...passed, passed: 0 }].map(exitCode)).toEqual([0, 1, 1]);
});

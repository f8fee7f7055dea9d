import { expect, test } from "vitest";
import { MAX_POINTS } from "../api/history.ts";
import type { Span, Step } from "../store/history/sample.ts";
import { historyReport, stepFor } from "./historyreport.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1e12;
const KEEPS = { seconds: 6 * HOUR, minutes: 336 * HOUR, hours: 17_520 * HOUR };

test.each([
  ["an hour, by the second", HOUR, 0, 1],
  ["an hour of yesterday, whose seconds are forgotten", HOUR, 24 * HOUR, 60],
  ["a day has too many seconds", 24 * HOUR, 0, 60],
  ["a month, by the hour", 720 * HOUR, 0, 3600],
  ["ten years, by the hour as well", 87_600 * HOUR, 0, 3600],
])("%s", (_, long, ago, step) => {
  expect(stepFor({ from: NOW - ago - long, to: NOW - ago }, NOW, KEEPS)).toBe(step);
});

test("an answer is bounded, and what it tells is the end of the time", () => {
  const asked: (Step | Span | undefined)[] = [];
  const to = 10 * MAX_POINTS * HOUR;
  const report = historyReport({ from: 0, to }, 3600, (step, span) => {
    asked.push(step, span);
    return [];
  });
  expect(asked).toEqual([3600, { from: to - MAX_POINTS * HOUR, to }]);
  expect(report).toEqual({ stepMs: HOUR, from: to - MAX_POINTS * HOUR, to, wans: [] });
});

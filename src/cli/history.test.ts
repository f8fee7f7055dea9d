import { expect, test } from "vitest";
import type { HistoryReport, HistorySample } from "../api/history.ts";
import { historyLines, sparkline } from "./history-view.ts";
import { spanOf } from "./span.ts";

const at = (second: number, more: Partial<HistorySample> = {}): HistorySample => ({
  at: second * 1000,
  seconds: 1,
  bytes: { down: 1_250_000, up: 0 },
  rate: { down: 1e7, up: 0 },
  peak: { down: 1e7, up: 0 },
  rttMs: 16,
  rttMaxMs: 16,
  jitterMs: null,
  lossPerMille: 0,
  carryingPerMille: 1000,
  ...more,
});

test("the largest value has the highest bar, noise a low one, and what is not known a gap", () => {
  expect(sparkline([0, null, 50, 100], 10)).toBe("▁ ▅█");
  expect(sparkline([0, 1], 100)).toBe("▁▁");
});

test("a curve for each figure of each WAN, with its bar for a time that fits the terminal", () => {
  const samples = Array.from({ length: 40 }, (_, second) =>
    at(second, second < 20 ? { carryingPerMille: 0 } : {}),
  );
  const report: HistoryReport = { stepMs: 1000, from: 0, to: 40_000, wans: [{ name: "fibre", samples }] };
  const lines = historyLines(report, 68);
  expect(lines[0]).toContain("a bar is 2 s");
  expect(lines[2]).toBe("fibre");
  expect(lines[3]).toMatch(/^ {2}down +█{20} +10.0 Mbit\/s at most, 47.7 MiB$/);
  expect(lines[6]).toMatch(/jitter +not known$/);
  expect(lines[8]).toMatch(/usable +▁{10}█{10} +50.0 % of the time$/);
});

test("nothing known is said", () => {
  expect(historyLines({ stepMs: 1000, from: 0, to: 1000, wans: [] }, 80)).toEqual([
    "nothing is known of that time",
  ]);
});

test("the last so long, or from then to then", () => {
  expect(spanOf({ last: 1000 }, 5000)).toEqual({ from: 4000, to: 5000 });
  expect(spanOf({ last: 1000, from: 7, to: 9 }, 5000)).toEqual({ from: 7, to: 9 });
});

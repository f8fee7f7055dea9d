import fc from "fast-check";
import { expect, test } from "vitest";
import { credibleRun, judge, type Judgement, type Line, patienceMs } from "./verdict.ts";

const FIBRE: Line = { rttMs: 16, jitterMs: 1, loss: 0 };
const LTE: Line = { rttMs: 50, jitterMs: 20, loss: 0 };
const SATELLITE: Line = { rttMs: 640, jitterMs: 15, loss: 0.005 };
const LOSSY: Line = { rttMs: 40, jitterMs: 5, loss: 0.25 };
const UNKNOWN: Line = { rttMs: undefined, jitterMs: undefined, loss: 0 };

test.each<[string, Line, number, number, Judgement]>([
  ["a fibre that answers in time", FIBRE, 79, 400, "well"],
  ["a fibre that hesitates", FIBRE, 80, 400, "suspect"],
  ["a fibre in the middle of a download", FIBRE, 120, 400, "dead"],
  ["a fibre on which a single segment waits", FIBRE, 300, 1, "suspect"],
  ["that segment, sent three times", FIBRE, 660, 3, "dead"],
  ["an LTE that varies", LTE, 170, 100, "suspect"],
  ["an LTE that varies by more than that", LTE, 180, 100, "dead"],
  ["a satellite within its round trip", SATELLITE, 690, 50, "well"],
  ["a satellite that is dead", SATELLITE, 1340, 50, "dead"],
  ["a line that loses a quarter, nine segments in a row", LOSSY, 5000, 9, "suspect"],
  ["that line, ten in a row", LOSSY, 5000, 10, "dead"],
  ["a line that was never measured", UNKNOWN, 999, 10, "suspect"],
  ["that line, after a second", UNKNOWN, 1000, 10, "dead"],
])("%s", (_, line, forMs, trials, judgement) => {
  expect(judge({ forMs, trials }, line)).toBe(judgement);
});

test("where nothing waits there is nothing to judge", () => {
  expect(judge(undefined, FIBRE)).toBe("well");
});

const line = fc.record({
  rttMs: fc.option(fc.double({ min: 0.1, max: 3000, noNaN: true }), { nil: undefined }),
  jitterMs: fc.option(fc.double({ min: 0, max: 500, noNaN: true }), { nil: undefined }),
  loss: fc.double({ min: 0, max: 1, noNaN: true }),
});
const silence = fc.record({ forMs: fc.double({ min: 0, max: 20_000, noNaN: true }), trials: fc.nat(100) });
const ORDER: readonly Judgement[] = ["well", "suspect", "dead"];

test("a longer silence is never judged better, and none is dead before two round trips", () => {
  fc.assert(
    fc.property(line, silence, fc.nat(5000), fc.nat(20), (of, before, longer, more) => {
      const judged = judge(before, of);
      const later = judge({ forMs: before.forMs + longer, trials: before.trials + more }, of);
      expect(ORDER.indexOf(later)).toBeGreaterThanOrEqual(ORDER.indexOf(judged));
      if (judged === "dead") expect(before.forMs).toBeGreaterThanOrEqual(2 * (of.rttMs ?? 0));
      if (judged === "dead") expect(before.forMs).toBeGreaterThanOrEqual(patienceMs(of));
    }),
  );
});

test("a run that is long enough has a chance below one in a million, and the next shorter one has not", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.5, noNaN: true }), (loss) => {
      const run = credibleRun(loss);
      expect(loss ** run).toBeLessThanOrEqual(1e-6 * (1 + 1e-9));
      expect(loss ** (run - 1)).toBeGreaterThan(1e-6);
    }),
  );
  expect([credibleRun(0), credibleRun(1)]).toEqual([3, 39]);
});

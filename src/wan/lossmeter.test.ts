import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leastLoss, LossMeter, mostLoss, perMille } from "./lossmeter.ts";

describe("loss", () => {
  test.each([
    [{ probes: 0, lost: 0 }, 0],
    [{ probes: 3, lost: 2 }, 667],
    [{ probes: 240, lost: 160 }, 667],
    [{ probes: 256, lost: 3 }, 12],
    [{ probes: 7, lost: 7 }, 1000],
  ])("of %j is %d per mille", (loss, expected) => {
    expect(perMille(loss)).toBe(expected);
  });

  test("is between its bounds, whatever was counted", () => {
    fc.assert(
      fc.property(fc.nat(256), fc.nat(256), (a, b) => {
        const loss = { probes: Math.max(a, b), lost: Math.min(a, b) };
        expect(leastLoss(loss)).toBeLessThanOrEqual(perMille(loss) + 1);
        if (loss.probes >= 32) expect(1000 * mostLoss(loss)).toBeGreaterThanOrEqual(perMille(loss) - 1);
      }),
    );
  });

  test("is counted over the latest probes only, and over none that is long ago", () => {
    const meter = new LossMeter();
    for (let at = 0; at < 256; at++) meter.note(at, true);
    for (let at = 256; at < 384; at++) meter.note(at, false);
    expect(meter.loss).toEqual({ probes: 256, lost: 128 });
    meter.note(200_000, true);
    expect(meter.loss).toEqual({ probes: 1, lost: 1 });
  });
});

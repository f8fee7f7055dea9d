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
    for (let at = 0; at < 384; at++) meter.note(at, at % 2 === 0);
    expect(meter.loss).toEqual({ probes: 256, lost: 128 });
    meter.note(200_000, true);
    expect(meter.loss).toEqual({ probes: 1, lost: 1 });
  });

  test.each<[string, (at: number) => boolean, number]>([
    ["begins to lose two thirds", (at) => at >= 100 && at % 3 !== 0, 667],
    ["loses nothing any more", (at) => at < 100 && at % 3 !== 0, 0],
    ["goes on losing 1 %", (at) => at % 100 === 50, 10],
  ])("is known with the 60th probe after the line %s", (_, loses, expected) => {
    const meter = new LossMeter();
    for (let at = 0; at < 160; at++) meter.note(at, loses(at));
    expect(Math.abs(perMille(meter.loss) - expected)).toBeLessThanOrEqual(70);
  });

  test.each([0, 10, 50, 300, 667, 950])(
    "of an even line, %d per mille, is rarely forgotten by chance",
    (lost) => {
      let [chance, forgotten] = [1, 0];
      for (let line = 0; line < 100; line++) {
        const meter = new LossMeter();
        for (let at = 0; at < 256; at++) {
          chance = (chance * 48_271) % 0x7fff_ffff;
          meter.note(at, chance % 1000 < lost);
        }
        if (meter.loss.probes < 256) forgotten++;
      }
      expect(forgotten).toBeLessThanOrEqual(10);
    },
  );
});

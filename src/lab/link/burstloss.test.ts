import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BurstLossProcess, meanLoss, parseBurstLoss, type BurstLoss } from "./burstloss.ts";
import { seededRandom } from "./random.ts";

/** Which of `count` packets are lost. */
function losses(settings: BurstLoss, count: number, seed: string): boolean[] {
  const process = new BurstLossProcess(seededRandom(seed));
  return Array.from({ length: count }, () => process.loses(settings));
}

const share = (lost: readonly boolean[]): number => lost.filter(Boolean).length / lost.length;

/** Lengths of what is lost in a row. */
const bursts = (lost: readonly boolean[]): number[] =>
  lost
    .map((one) => (one ? "x" : "."))
    .join("")
    .split(/\.+/)
    .filter(Boolean)
    .map(({ length }) => length);

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

describe("what people write", () => {
  test.each<[string, BurstLoss]>([
    ["2 % in bursts of 8", { enter: (125 * 20) / 980, leave: 125, bad: 1000, good: 0 }],
    ["gemodel 1 % 20 %", { enter: 10, leave: 200, bad: 1000, good: 0 }],
    ["gemodel 1% 20% 90% 0.1%", { enter: 10, leave: 200, bad: 900, good: 1 }],
  ])("%s", (text, settings) => {
    expect(parseBurstLoss(text)).toEqual(settings);
  });

  test.each([
    "",
    "2 %",
    "2 % in bursts of 0",
    "2 % in bursts of",
    "90 % in bursts of 8",
    "101 % in bursts of 8",
    "gemodel",
    "gemodel 1 %",
    "gemodel 1 % 20 % 90 % 1 % 1 %",
    "gemodel 1 % fast",
    "gemodel 0 % 0 %",
    "gemodel 1 % 200 %",
  ])("not: %j", (text) => {
    expect(parseBurstLoss(text)).toBeUndefined();
  });
});

describe("packet by packet", () => {
  test.each([
    ["2 % in bursts of 8", 0.02, 8],
    ["10 % in bursts of 3", 0.1, 3],
    ["30 % in bursts of 1.5", 0.3, 1.5],
  ])("%s", (text, loss, length) => {
    const lost = losses(parseBurstLoss(text) ?? never(), 2_000_000, "seed");
    // At the least 5000 bursts: a tenth is five standard deviations of both.
    expect(Math.abs(share(lost) / loss - 1)).toBeLessThan(0.1);
    expect(Math.abs(mean(bursts(lost)) / length - 1)).toBeLessThan(0.1);
  });

  test("the same loss by chance comes in bursts of hardly more than one", () => {
    // Bad for one packet at a time, whatever came before: Bernoulli's model.
    const lost = losses({ enter: 20, leave: 980, bad: 1000, good: 0 }, 400_000, "seed");
    expect(share(lost)).toBeCloseTo(0.02, 2);
    expect(mean(bursts(lost))).toBeLessThan(1.05);
  });

  test("for any parameters, the loss is what the stationary state makes of it", () => {
    const chance = fc.integer({ min: 50, max: 950 });
    fc.assert(
      fc.property(
        fc.record({ enter: chance, leave: chance, bad: chance, good: chance }),
        fc.string(),
        (settings, seed) => {
          // States last 20 packets at the most in the mean, so this is 1000 changes: 5 % are six standard deviations.
          expect(Math.abs(share(losses(settings, 20_000, seed)) - meanLoss(settings) / 1000)).toBeLessThan(
            0.05,
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  test("the same for the same seed", () => {
    const settings = parseBurstLoss("10 % in bursts of 3") ?? never();
    expect(losses(settings, 1000, "a")).toEqual(losses(settings, 1000, "a"));
    expect(losses(settings, 1000, "a")).not.toEqual(losses(settings, 1000, "b"));
  });
});

function never(): never {
  throw new Error("it is parsed above");
}

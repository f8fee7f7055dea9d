import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatRate, parseChance, parseDuration, parseRate, parseSize } from "./units.ts";

test.each([
  [parseRate, "100 Mbit/s", 100e6],
  [parseRate, "2.5gbit", 2.5e9],
  [parseRate, 64_000, 64_000],
  [parseSize, "64 KB", 65_536],
  [parseSize, "1GiB", 1024 ** 3],
  [parseDuration, "8 ms", 8],
  [parseDuration, "250us", 0.25],
  [parseDuration, "2 min", 120_000],
  [parseChance, "0.5 %", 5],
  [parseChance, "66.6667 %", 666.667],
] as const)("%o of %j is %d", (parse, input, value) => {
  const parsed = parse(input);
  expect(parsed).toMatchObject({ ok: true });
  expect(parsed.ok && parsed.value).toBeCloseTo(value, 6);
});

describe("what is not a quantity is refused with what was found and what is allowed", () => {
  test.each([
    ["fast"],
    ["100 Mbit/h"],
    [""],
    ["-1 Mbit/s"],
    ["1e3"],
    ["1 000"],
    [null],
    [{}],
    [Number.NaN],
    ["9".repeat(400)],
  ])("%j", (input) => {
    const parsed = parseRate(input);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.why).toMatch(/^found .*, allowed is a rate such as "100 Mbit\/s"/);
  });
});

test.each([
  [0, "0 bit/s"],
  [999.4, "999 bit/s"],
  [2_500, "2.50 kbit/s"],
  [94_800_000, "94.8 Mbit/s"],
  [1e9, "1.00 Gbit/s"],
])("a rate of %d reads %s", (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

test("a rate that was written can be read back, within what is shown of it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (rate) => {
      const parsed = parseRate(formatRate(rate));
      expect(parsed.ok && Math.abs(parsed.value - rate)).toBeLessThanOrEqual(rate * 0.006 + 0.5);
    }),
  );
});

import * as fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseRateTrace, readRateTrace, type RateTrace } from "./ratetrace.ts";
import { tracedRate } from "./transmitter.ts";

const TRACE = `# a tunnel after a second
0 s: 8 Mbit/s
1 s: 0
1.5 s: 16 Mbit/s   # out of it
2 s: repeat
`;

function found(text: string): unknown {
  try {
    parseRateTrace(text, "t.trace");
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing wrong";
}

describe("the file", () => {
  test("is steps, and a period", () => {
    expect(parseRateTrace(TRACE, "t.trace")).toMatchObject({
      name: "t.trace",
      starts: [0, 1000, 1500],
      rates: [8e6, 0, 16e6],
      period: 2000,
    });
    expect(parseRateTrace(TRACE, "t").serial).not.toBe(parseRateTrace(TRACE, "t").serial);
  });

  test("every problem is told, with its line", () => {
    expect(found("1 s: 5 Mbit/s\n0 s: 1 Mbit/s\n0 s: fast\n0.5 ms: 1 Mbit/s\n3 s 4\n")).toBe(
      `t.trace: 4 problems
  line 1, the file: found "1 s: 5 Mbit/s"; allowed is a time of at most 24 h, at least 1 ms after the one before (the first is 0)
  line 3, the file: found "0 s: fast"; allowed is a step such as "1.5 s: 20 Mbit/s", or "60 s: repeat" on the last line
  line 4, the file: found "0.5 ms: 1 Mbit/s"; allowed is a time of at most 24 h, at least 1 ms after the one before (the first is 0)
  line 5, the file: found "3 s 4"; allowed is a step such as "1.5 s: 20 Mbit/s", or "60 s: repeat" on the last line`,
    );
  });

  test.each([
    ["", /"TIME: repeat" on the last line/],
    ["0: 1 Mbit/s\n", /"TIME: repeat" on the last line/],
    ["0: 0\n1 s: repeat\n", /a rate above 0/],
    ["0: 1 Mbit/s\n1 s: repeat\n2 s: 1 Mbit/s\n", /nothing after "repeat"/],
    ["0: 1 Mbit/s\n25 h: repeat\n", /at most 24 h/],
    [
      `${Array.from({ length: 36_001 }, (_, ms) => `${ms} ms: 1 Mbit/s`).join("\n")}\n`,
      /at most 36000 steps/,
    ],
    ["x\n".repeat(1000), /5 problems/],
  ])("%#", (text, message) => {
    expect(found(text)).toMatch(message);
  });

  test("is read, up to a size", () => {
    const directory = mkdtempSync(join(tmpdir(), "sennit-trace-"));
    try {
      const path = join(directory, "lte.trace");
      writeFileSync(path, TRACE);
      expect(readRateTrace(path)).toMatchObject({ name: path, period: 2000 });
      writeFileSync(path, "#".repeat(1024 * 1024 + 1));
      expect(() => readRateTrace(path)).toThrow(/more than the 1048576 bytes/);
      expect(() => readRateTrace(join(directory, "none"))).toThrow(
        expect.objectContaining({ code: "config-unreadable" }),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** 8 Mbit/s are 1000 bytes a millisecond. */
describe("a transmitter that follows it", () => {
  const transmitter = tracedRate(parseRateTrace(TRACE, "t"), 100);

  test.each([
    [100, 1000, 101],
    // Half before the pause, half after it at twice the rate.
    [1099.5, 1000, 1600.25],
    // Nothing is sent in the pause.
    [1300, 2000, 1601],
    // What ends with a step ends before the pause.
    [1099, 1000, 1100],
    // On into the next round.
    [2099.5, 2000, 2101],
    // Rounds of 2,000,000 bytes.
    [100, 2_000_000, 2100],
    [100, 20_001_000, 20_101],
  ])("begun at %d ms, %d bytes are sent at %d ms", (from, bytes, at) => {
    expect(transmitter.done(from, bytes)).toBeCloseTo(at, 6);
  });

  test("sends nothing in a pause, and all of a round in a round", () => {
    expect(transmitter.sends(1100, 1600)).toBe(0);
    expect(transmitter.sends(100, 2100)).toBe(2_000_000);
    expect(transmitter.sends(150, 2150)).toBeCloseTo(2_000_000, 6);
  });

  test("for any trace: what it needs a time for is what it sends in that time", () => {
    const steps = fc.array(
      fc.record({ length: fc.integer({ min: 1, max: 5000 }), rate: fc.integer({ min: 0, max: 1e8 }) }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(
        steps.filter((all) => all.some(({ rate }) => rate > 1000)),
        fc.float({ min: 0, max: 100_000, noNaN: true }),
        fc.integer({ min: 1, max: 10_000 }),
        (all, from, bytes) => {
          const starts = all.map((_, index) =>
            all.slice(0, index).reduce((sum, { length }) => sum + length, 0),
          );
          const period = all.reduce((sum, { length }) => sum + length, 0);
          const trace: RateTrace = {
            name: "t",
            serial: 0,
            starts,
            rates: all.map(({ rate }) => rate),
            period,
          };
          const any = tracedRate(trace, 0);
          const at = any.done(from, bytes);
          expect(at).toBeGreaterThanOrEqual(from);
          // A millionth of a byte for the rounding of sums of some 1e9 bytes.
          expect(Math.abs(any.sends(from, at) - bytes)).toBeLessThan(1e-3);
        },
      ),
    );
  });
});

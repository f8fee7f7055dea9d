import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../bench/bench.ts";
import { contest } from "../../bench/contest.ts";
import { readOptions } from "../../bench/options.ts";
import { BENCHES } from "../../bench/registry.ts";
import { rowOf, tableOf } from "../../bench/report.ts";
import { median, quantile, ratios } from "../../bench/statistics.ts";
import { describeTarget, meets, TARGETS } from "../../bench/targets.ts";

describe("statistics", () => {
  test.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[], NaN],
  ])("median of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test("as many values are below the median as above it, and the order does not count", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median(values.toReversed())).toBe(middle);
      }),
    );
  });

  test("quantiles are values that were measured", () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 100, 198, 200]);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("ratios are of rounds that both have", () => {
    expect(ratios([2, 6, 5], [1, 2])).toEqual([2, 3]);
  });
});

describe("targets", () => {
  test("every measurement has one, and every target a measurement", () => {
    expect(BENCHES.map(({ id }) => id).sort()).toEqual(Object.keys(TARGETS).sort());
  });

  test("bounds belong to what is allowed, and nothing measured is never enough", () => {
    const atLeast = { unit: "", atLeast: 1.8 };
    expect([1.79, 1.8, 1.81, NaN].map((value) => meets(atLeast, value))).toEqual([false, true, true, false]);
    const atMost = { unit: "", atMost: 1.3 };
    expect([1.29, 1.3, 1.31, NaN].map((value) => meets(atMost, value))).toEqual([true, true, false, false]);
    expect(describeTarget(atLeast)).toBe(">= 1.8");
    expect(describeTarget({ unit: "", atLeast: 1, atMost: 2 })).toBe(">= 1 and <= 2");
  });
});

describe("rows", () => {
  const good: Outcome = {
    rounds: [1.7, 1.9, 2.5],
    figures: [
      { name: "sennit", unit: "Gbit/s", rounds: [3.4, 3.8, 5] },
      { name: "shadowsocks-libev", unit: "Gbit/s", rounds: [2, 2, 2] },
    ],
    failures: [],
  };

  test("the median is judged", () => {
    expect(rowOf("bulk-down", good)).toMatchObject({
      id: "bulk-down",
      value: 1.9,
      unit: "x shadowsocks-libev",
      target: ">= 1.8",
      ok: true,
      peers: { sennit: 3.8, "shadowsocks-libev": 2 },
    });
    expect(rowOf("bulk-down", { ...good, rounds: [1.7, 1.79, 2.5] }).ok).toBe(false);
  });

  test("with a peer that could not run nothing is ok, and the table says why", () => {
    const row = rowOf("bulk-down", { ...good, failures: ["haproxy could not run: no such file"] });
    expect(row.ok).toBe(false);
    expect(tableOf([row])).toContain("bulk-down: haproxy could not run: no such file");
  });

  test("what was not measured has no value in JSON, not even a wrong one", () => {
    const row = rowOf("bulk-down", {
      rounds: [],
      figures: [{ name: "x", unit: "s", rounds: [] }],
      failures: [],
    });
    expect(row).toMatchObject({ value: null, ok: false, peers: {} });
  });

  test("the table has the spread", () => {
    const [, line] = tableOf([rowOf("bulk-down", good)]);
    expect(line).toMatch(/^bulk-down +1\.90 +1\.70\.\.2\.50 +x shadowsocks-libev +>= 1\.8 +ok$/);
  });
});

describe("the command line", () => {
  const ids = (...args: string[]): string[] => readOptions(args, BENCHES).benches.map(({ id }) => id);

  test("without a choice it is all, with one just that, once, in our order", () => {
    expect(ids()).toHaveLength(BENCHES.length);
    expect(ids("--only", "accept,bulk-down,accept")).toEqual(["bulk-down", "accept"]);
    expect(ids("--only", "accept", "--only", "aggregate")).toEqual(["aggregate", "accept"]);
  });

  test.each([
    [["--only", "bulk-sideways"], /no measurement is called "bulk-sideways"; there is bulk-down, .* and /],
    [["--only", ""], /no measurement is called ""/],
    [["--onyl", "accept"], /--onyl/],
    [["accept"], /accept/],
    [["--rounds", "0"], /--rounds: found "0", allowed is a whole number from 1 to/],
    [["--seconds", "1.5"], /--seconds: found "1.5"/],
    [["--seconds", "3600"], /--seconds: found "3600"/],
  ])("%j is refused", (args, message) => {
    expect(() => readOptions(args, BENCHES)).toThrow(
      expect.objectContaining({ code: "bench-usage", message: expect.stringMatching(message) }),
    );
  });
});

describe("a contest", () => {
  test("goes round and round, throws the first round away, and goes on without who fails", async () => {
    const turns: string[] = [];
    const { rounds, failures } = await contest(
      [{ name: "a" }, { name: "b" }, { name: "c" }],
      { say: () => undefined },
      {
        rounds: 3,
        measure: ({ name }) => {
          turns.push(name);
          return name === "b" && turns.length > 6
            ? Promise.reject(new Error("b broke"))
            : Promise.resolve(turns.length);
        },
        tell: String,
      },
    );
    expect(turns.join("")).toBe("abcabcabcac");
    expect(rounds).toEqual(
      new Map([
        ["a", [4, 7, 10]],
        ["b", [5]],
        ["c", [6, 9, 11]],
      ]),
    );
    expect(failures).toEqual(["b broke"]);
  });
});

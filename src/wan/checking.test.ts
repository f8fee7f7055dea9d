import { describe, expect, test } from "vitest";
import { Checking, type CheckNeed } from "./checking.ts";

const need = (changes: Partial<CheckNeed> = {}): CheckNeed => ({
  doubted: false,
  idle: false,
  metered: false,
  ...changes,
});

/** Asks until `end` in steps of 100 ms; who answers does so at once. */
function run(
  checking: Checking,
  [from, end]: readonly [number, number],
  answers: (target: string, at: number) => boolean,
  what = need(),
): (readonly [at: number, target: string])[] {
  const asked: (readonly [number, string])[] = [];
  for (let now = from; now < end; now += 100) {
    const target = checking.due(now, what);
    if (target === undefined) continue;
    asked.push([now, target]);
    checking.settle(answers(target, now));
  }
  return asked;
}
const times = (asked: readonly (readonly [number, string])[]): readonly number[] => asked.map(([at]) => at);

describe("a check", () => {
  test.each<[string, CheckNeed, readonly number[]]>([
    ["of a line in use", need(), [0, 20_000, 40_000, 60_000, 80_000]],
    ["of an idle line", need({ idle: true }), [0, 60_000]],
    ["of a metered line", need({ metered: true }), [0]],
    ["of a metered line in doubt", need({ metered: true, doubted: true }), [0, 30_000, 60_000, 90_000]],
  ])("%s asks rarely", (_, what, expected) => {
    expect(times(run(new Checking("icmp", ["a"]), [0, 100_000], () => true, what))).toEqual(expected);
  });

  test("says no only after several silences in a row, and then asks on until somebody answers", () => {
    const checking = new Checking("icmp", ["192.0.2.1"]);
    run(checking, [0, 100], () => true);
    expect(checking.sight).toEqual({ answered: true, what: "icmp 192.0.2.1" });
    expect(times(run(checking, [100, 21_500], () => false))).toEqual([20_000, 21_000]);
    expect(checking.sight.answered).toBe(true);
    expect(times(run(checking, [21_500, 33_000], () => false))).toEqual([22_000, 27_000, 32_000]);
    expect(checking.sight.answered).toBe(false);
    run(checking, [37_000, 37_100], () => true);
    expect(checking.sight.answered).toBe(true);
  });

  test("asks another target where one is silent, and stays with one that answers", () => {
    const checking = new Checking("dns", ["a", "b", "c", "d"]);
    expect(run(checking, [0, 25_000], (target) => target === "c").map(([, target]) => target)).toEqual([
      "a",
      "b",
      "c",
      "c",
    ]);
    expect(checking.sight).toEqual({ answered: true, what: "dns c" });
  });

  test("of several says no when each was silent", () => {
    const checking = new Checking("dns", ["a", "b", "c", "d"]);
    run(checking, [0, 2900], () => false);
    expect(checking.sight.answered).toBeUndefined();
    run(checking, [3000, 3100], () => false);
    expect(checking.sight).toEqual({ answered: false, what: "dns to 4 targets" });
  });

  test("asks at once when a doubt arises, and nobody else while it waits", () => {
    const checking = new Checking("icmp", ["a"]);
    run(checking, [0, 100], () => true);
    expect(checking.due(5000, need())).toBeUndefined();
    expect(checking.due(5100, need({ doubted: true }))).toBe("a");
    expect(checking.due(50_000, need({ doubted: true }))).toBeUndefined();
  });

  test("learns nothing from a question that could not be asked", () => {
    const checking = new Checking("icmp", ["a"]);
    for (let now = 0; now < 100_000; now += 1000)
      if (checking.due(now, need()) !== undefined) checking.settle(undefined);
    expect(checking.sight.answered).toBeUndefined();
  });
});

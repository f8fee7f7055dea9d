import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addCounted, nextLookMs, quotaState, sinceDay, tightest, unused, type Counted } from "./quota.ts";

const at = (text: string): number => new Date(text).getTime();
const counted = (rx: number, tx: number, more: Partial<Counted> = {}): Counted => ({
  device: "lte0",
  life: "boot/7",
  rx,
  tx,
  ...more,
});
const MONTH = "2026-11-01";

/** What is used after the looks, one after the other. */
const used = (...looks: readonly Counted[]) => {
  const { rx, tx } = looks.reduce((usage, look) => addCounted(usage, look, MONTH), unused(MONTH));
  return { rx, tx };
};

describe("a month begins", () => {
  test.each([
    ["2026-11-23T12:00", 1, "2026-11-01"],
    ["2026-11-23T12:00", 24, "2026-10-24"],
    ["2026-11-24T00:00", 24, "2026-11-24"],
    ["2026-11-23T23:59:59.999", 24, "2026-10-24"],
    ["2027-01-05T00:00", 6, "2026-12-06"],
    ["2028-02-29T12:00", 28, "2028-02-28"],
  ])("%s with start day %i: on %s", (now, startDay, since) => {
    expect(sinceDay(at(now), startDay)).toBe(since);
  });

  test("never by a clock that was not set", () => {
    expect(sinceDay(86_400_000, 1)).toBeUndefined();
  });
});

describe("what is counted", () => {
  test("begins with the first look", () => {
    expect(used(counted(1000, 500))).toEqual({ rx: 0, tx: 0 });
    expect(used(counted(1000, 500), counted(1300, 600))).toEqual({ rx: 300, tx: 100 });
  });

  test.each([
    ["a driver that counts anew", counted(100, 50), { rx: 100, tx: 50 }],
    [
      "a device that was pulled and put back",
      counted(90_000, 50, { life: "boot/8" }),
      { rx: 90_000, tx: 50 },
    ],
    ["another boot", counted(2000, 900, { life: "other/7" }), { rx: 2000, tx: 900 }],
    ["another device", counted(2000, 900, { device: "lte1" }), { rx: 0, tx: 0 }],
  ])("after %s", (_, next, expected) => {
    expect(used(counted(1000, 500), next)).toEqual(expected);
  });

  test("goes on where 32 bits are full", () => {
    expect(used(counted(2 ** 32 - 100, 0), counted(50, 0)).rx).toBe(150);
    // No wrap: 64 bits are far from full.
    expect(used(counted(2 ** 33, 0), counted(50, 0)).rx).toBe(50);
  });

  test("begins anew with a month, and only with a date", () => {
    const before = { since: MONTH, rx: 700, tx: 0, seen: counted(700, 0) };
    expect(addCounted(before, counted(710, 5), "2026-12-01")).toMatchObject({ rx: 10, tx: 5 });
    expect(addCounted(before, counted(710, 5), undefined)).toMatchObject({ since: MONTH, rx: 710, tx: 5 });
    const dateless = addCounted(addCounted(unused(), counted(0, 0), undefined), counted(9, 0), undefined);
    expect(addCounted(dateless, counted(10, 0), MONTH)).toMatchObject({ since: MONTH, rx: 10 });
  });

  test("is the same however often it is looked at", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e9), { minLength: 1 }), (steps) => {
        let sum = 0;
        const looks = steps.map((step) => counted((sum += step), 0));
        expect(used(...looks).rx).toBe(sum - (steps[0] ?? 0));
      }),
    );
  });
});

describe("of several limits", () => {
  test("the one that is nearest counts", () => {
    const usage = { ...unused(MONTH), rx: 80, tx: 30 };
    expect(tightest({ startDay: 1, rx: 100, tx: 31, total: 200 }, usage)?.of).toBe("tx");
    expect(tightest({ startDay: 1, total: 200 }, usage)).toEqual({ of: "total", used: 110, limit: 200 });
    expect(tightest({ startDay: 1 }, usage)).toBeUndefined();
  });

  test.each([
    [899, "room"],
    [900, "near"],
    [999, "near"],
    [1000, "used-up"],
  ] as const)("%i of 1000 is %s", (amount, state) => {
    expect(quotaState({ of: "rx", used: amount, limit: 1000 })).toBe(state);
  });

  test("looks come so often that at full rate less than 1 % goes by unseen", () => {
    for (const peak of [1e5, 12.5e6, 125e6]) {
      let total = 0;
      while (total < 500e6)
        total += (nextLookMs({ of: "total", used: total, limit: 500e6 }, peak) / 1000) * peak;
      expect(total).toBeLessThan(505e6);
    }
  });
});

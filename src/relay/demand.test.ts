import fc from "fast-check";
import { expect, test } from "vitest";
import { Demand } from "./demand.ts";

const SIZE = { warm: 6, most: 32 } as const;

test("a few bulk flows are content with what is warm, many get one each, and nobody gets more than the limit", () => {
  const demand = new Demand();
  const wanted = [0, 1, 4, 5, 20, 100].map((bulk) => demand.look(0, SIZE, bulk));
  expect(wanted).toEqual([6, 6, 6, 7, 22, 32]);
});

test("what was dialled for bulk is kept for a minute, and then let go one by one", () => {
  const demand = new Demand();
  expect(demand.look(0, SIZE, 10)).toBe(12);
  expect(demand.look(59_999, SIZE, 0)).toBe(12);
  expect(demand.look(60_000, SIZE, 0)).toBe(11);
  expect(demand.look(69_999, SIZE, 0)).toBe(11);
  expect(demand.look(70_000, SIZE, 0)).toBe(10);
  // More of it: as many as before, at once, and kept as long.
  expect(demand.look(71_000, SIZE, 10)).toBe(12);
  expect(demand.look(130_999, SIZE, 0)).toBe(12);
});

test("a smaller config holds at once, one that contradicts itself keeps what is warm", () => {
  const demand = new Demand();
  demand.look(0, SIZE, 100);
  expect(demand.look(1, { warm: 2, most: 4 }, 100)).toBe(4);
  expect(demand.look(2, { warm: 6, most: 4 }, 100)).toBe(6);
});

test("never below what is warm, never above the limit, whatever comes", () => {
  const steps = fc.array(fc.record({ bulk: fc.nat(100), waitMs: fc.nat(100_000) }), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (looks) => {
      const demand = new Demand();
      let now = 0;
      for (const { bulk, waitMs } of looks) {
        now += waitMs;
        const wanted = demand.look(now, SIZE, bulk);
        expect(wanted).toBeGreaterThanOrEqual(Math.min(SIZE.most, Math.max(SIZE.warm, bulk)));
        expect(wanted).toBeLessThanOrEqual(SIZE.most);
      }
    }),
  );
});

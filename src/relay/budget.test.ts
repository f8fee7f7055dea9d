import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { budgetCells, WindowBudget } from "./budget.ts";

const MEBIBYTE = 1024 * 1024;

describe("the window budget", () => {
  test.each([
    [0, 8 * MEBIBYTE],
    [1, 8 * MEBIBYTE],
    [8, 8 * MEBIBYTE],
    [32, 2 * MEBIBYTE],
    [100, Math.floor(0.64 * MEBIBYTE)],
    [1024, 64 * 1024],
    [16_000, 64 * 1024],
  ])("of 128 MiB gives each of %i flows %i bytes", (flows, window) => {
    const budget = new WindowBudget(128 * MEBIBYTE);
    budget.active = flows;
    expect(budget.window()).toBe(window);
  });

  test("is not exceeded while windows are above the smallest", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.integer({ min: 1, max: 20_000 }),
        (total, flows) => {
          const budget = new WindowBudget(total);
          budget.active = flows;
          const window = budget.window();
          expect(window === 64 * 1024 || 2 * window * flows <= total).toBe(true);
        },
      ),
    );
  });

  test("is exhausted while all its users together hold more than there is", () => {
    const budget = new WindowBudget(MEBIBYTE);
    const [a, b] = [{}, {}];
    budget.note(a, MEBIBYTE);
    expect(budget.exhausted).toBe(false);
    budget.note(b, 1);
    expect(budget.exhausted).toBe(true);
    expect(budget.window()).toBe(MEBIBYTE / 2 - 1);
    budget.note(b, MEBIBYTE / 2);
    expect(budget.window()).toBe(MEBIBYTE / 4);
    budget.note(b, 10 * MEBIBYTE);
    expect(budget.window()).toBe(4096);
    budget.note(b, 1);
    budget.note(a, MEBIBYTE / 2);
    expect(budget.exhausted).toBe(false);
    budget.note(b, MEBIBYTE);
    budget.note(a, 0);
    expect(budget.exhausted).toBe(false);
    expect(budget.window()).toBe(MEBIBYTE / 2);
  });

  test("is one for all threads of a process", () => {
    const cells = budgetCells(3);
    const [a, b] = [0, 2].map((thread) => new WindowBudget(MEBIBYTE, { cells, thread }));
    if (a === undefined || b === undefined) throw new Error("two budgets");
    a.active = 3;
    b.active = 1;
    expect([a.window(), b.window()]).toEqual([MEBIBYTE / 8, MEBIBYTE / 8]);
    const owner = {};
    b.note(owner, MEBIBYTE + 1);
    expect([a.exhausted, b.exhausted]).toEqual([true, true]);
    b.note(owner, 0);
    expect([a.exhausted, b.exhausted]).toEqual([false, false]);
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ManualClock, systemClock } from "./clock.ts";

describe("a manual clock", () => {
  test("fires once, at its time, not before", () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    clock.after(10, () => fired.push(clock.now()));
    clock.advance(9);
    expect(fired).toEqual([]);
    clock.advance(100);
    expect(fired).toEqual([10]);
    expect(clock.now()).toBe(109);
  });

  test("fires every period until it is stopped, also from within", () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    const stop = clock.every(5, () => {
      fired.push(clock.now());
      if (fired.length === 3) stop();
    });
    clock.advance(100);
    expect(fired).toEqual([5, 10, 15]);
  });

  test("what a timer starts falls due in the same advance", () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    clock.after(10, () => {
      fired.push("first");
      clock.after(10, () => fired.push("second"));
    });
    clock.after(15, () => fired.push("between"));
    clock.advance(20);
    expect(fired).toEqual(["first", "between", "second"]);
  });

  test("a timer that was stopped does not fire", () => {
    const clock = new ManualClock();
    clock.after(5, () => expect.fail("fired"))();
    clock.advance(10);
    expect(clock.now()).toBe(10);
  });

  test("timers fire in order of time, those of one time in order of setting", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (delays) => {
        const clock = new ManualClock();
        const fired: number[] = [];
        for (const [index, delay] of delays.entries()) clock.after(delay, () => fired.push(index));
        clock.advance(50);
        const expected = delays
          .map((delay, index) => ({ delay, index }))
          .toSorted((a, b) => a.delay - b.delay);
        expect(fired).toEqual(expected.map(({ index }) => index));
      }),
    );
  });
});

describe("the system clock", () => {
  test("keeps the same promises", async () => {
    const start = systemClock.now();
    await new Promise<void>((resolve) => void systemClock.after(5, resolve));
    // Timers may fire up to a millisecond early: they count in whole ones.
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(4);
    await new Promise<void>((resolve) => {
      let count = 0;
      const keepAlive = setTimeout(() => undefined, 5_000);
      const stop = systemClock.every(1, () => {
        if (++count < 3) return;
        stop();
        clearTimeout(keepAlive);
        resolve();
      });
    });
  });

  test("a timer that was stopped does not fire", async () => {
    systemClock.after(1, () => expect.fail("fired"))();
    await new Promise<void>((resolve) => void systemClock.after(5, resolve));
  });
});

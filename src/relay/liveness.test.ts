import { expect, test } from "vitest";
import { Liveness } from "./liveness.ts";

/** Ticks every 500 ms up to `end`; the times at which it asked. */
function run(liveness: Liveness, from: number, end: number, heardAt: number): number[] {
  const asked: number[] = [];
  for (let now = from; now <= end; now += 500) if (liveness.tick(now, heardAt)) asked.push(now);
  return asked;
}

test("while nobody waits, nothing is asked and silence means nothing", () => {
  const liveness = new Liveness();
  expect(run(liveness, 0, 60_000, 0)).toEqual([]);
  expect(liveness.responsive).toBe(true);
});

test("a dead peer is given up within 3 s of the first flow, and asked on every second", () => {
  const liveness = new Liveness();
  liveness.opened(100, 90);
  expect(run(liveness, 500, 2000, 90)).toEqual([1000]);
  expect(liveness.responsive).toBe(true);
  expect(run(liveness, 2500, 6000, 90)).toEqual([2500, 3500, 4500, 5500]);
  expect(liveness.responsive).toBe(false);
});

test("whatever is heard after the flow was opened is an answer, also after giving up", () => {
  const liveness = new Liveness();
  liveness.opened(100, 90);
  run(liveness, 500, 4000, 90);
  expect(liveness.responsive).toBe(false);
  expect(liveness.tick(4500, 4400)).toBe(false);
  expect(liveness.responsive).toBe(true);
  expect(run(liveness, 5000, 20_000, 4400)).toEqual([]);
});

test("a flow opened right after an answer to an earlier one is waited for on its own", () => {
  const liveness = new Liveness();
  liveness.opened(100, 90);
  liveness.opened(200, 150);
  expect(run(liveness, 500, 3000, 150)).toEqual([1000, 2500]);
  expect(liveness.responsive).toBe(false);
});

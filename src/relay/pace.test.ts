import { expect, test } from "vitest";
import { WINDOW_MAX } from "./budget.ts";
import { Pace } from "./pace.ts";

const MEBIBYTE = 1024 * 1024;

/** What becomes of a flow that moves so many bytes in each of these seconds. */
function after(seconds: readonly number[], { rttMs = 50, heldBytes = 0 } = {}): Pace {
  const pace = new Pace();
  let movedBytes = 0;
  for (const bytes of seconds) pace.tick({ movedBytes: (movedBytes += bytes), heldBytes, rttMs });
  return pace;
}

test.each([
  ["nothing at all", [0, 0], false],
  ["one page", [2 * MEBIBYTE, 0], false],
  ["a download", [MEBIBYTE, MEBIBYTE], true],
  ["a download with a pause", [MEBIBYTE, MEBIBYTE, 0, 0, 0, 0], true],
  ["a download that is over", [MEBIBYTE, MEBIBYTE, ...Array.from({ length: 10 }, () => 0)], false],
  ["a call", Array.from({ length: 60 }, () => 12_000), false],
])("%s", (_, seconds, isBulk) => {
  expect(after(seconds).isBulk).toBe(isBulk);
});

test("the idle have no share of the memory, unless they hold some", () => {
  expect(after([0]).isActive).toBe(false);
  expect(after([20_000]).isActive).toBe(true);
  expect(after([0], { heldBytes: 20_000 }).isActive).toBe(true);
});

test("the window needed is twice rate times round trip, with something for both ends on top", () => {
  const steady = Array.from({ length: 40 }, () => 10 * MEBIBYTE);
  expect(after(steady, { rttMs: 100 }).need).toBe(3 * MEBIBYTE);
  expect(after(steady, { rttMs: 450 }).need).toBe(10 * MEBIBYTE);
});

test("one bad second does not shrink it", () => {
  expect(after([10 * MEBIBYTE, 0], { rttMs: 450 }).need).toBeGreaterThan(8 * MEBIBYTE);
});

test("a slow reader's window is small, and unlimited only while nothing is known", () => {
  expect(after([10_000]).need).toBe(MEBIBYTE);
  expect(after([10_000], { rttMs: 0 }).need).toBe(WINDOW_MAX);
});

import { expect, test } from "vitest";
import { dropOldest } from "./oldest.ts";

test("of a map and of a set, what was put in first goes first", () => {
  const map = new Map([1, 2, 3, 4].map((key) => [key, "x"]));
  dropOldest(map, 2);
  expect([...map.keys()]).toEqual([3, 4]);
  const set = new Set("abc");
  dropOldest(set, 1);
  expect([...set]).toEqual(["c"]);
  dropOldest(set, 0);
  expect(set.size).toBe(0);
});

test("as many as may stay all stay", () => {
  const set = new Set([1, 2]);
  dropOldest(set, 2);
  expect(set.size).toBe(2);
});

import { expect, test } from "vitest";
import { Load } from "./load.ts";

/** The spread after each tick in which so many bytes were moved. */
function spreads(moved: readonly number[]): string[] {
  const load = new Load();
  let bytes = 0;
  return moved.map((more) => {
    load.tick((bytes += more));
    return load.spread;
  });
}
const times = (count: number, bytes: number): readonly number[] => Array.from({ length: count }, () => bytes);

test("a burst takes all ways at once, until two seconds of quiet", () => {
  expect(spreads([0, 128 * 1024])).toEqual(["best", "all"]);
  const after = spreads([200_000, ...times(20, 100)]);
  expect(after.slice(0, 20)).toEqual(times(20, 0).map(() => "all"));
  expect(after.at(-1)).toBe("best");
});

test("so does a slow WAN that is full for half a second", () => {
  expect(spreads(times(5, 6000))).toEqual(["best", "best", "best", "best", "all"]);
});

test("calls, keystrokes and small pages keep to the best way", () => {
  expect(new Set(spreads(times(100, 1600)))).toEqual(new Set(["best"]));
  expect(new Set(spreads([...times(4, 30_000), 0, ...times(4, 30_000)]))).toEqual(new Set(["best"]));
});

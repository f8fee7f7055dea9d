import { describe, expect, test } from "vitest";
import { inTurns } from "./turns.ts";

describe("in turns", () => {
  test("all is done where there is time", () => {
    expect(inTurns([["a1", "a2"], [], ["b1"]], 0, 9)).toEqual(["a1", "b1", "a2"]);
  });

  test("one long queue leaves the others theirs", () => {
    const flood = Array.from({ length: 1000 }, (_, index) => `flood${index}`);
    const done = inTurns([flood, ["x"], ["y1", "y2"]], 0, 8);
    expect(done).toHaveLength(8);
    expect(done).toEqual(expect.arrayContaining(["x", "y1", "y2"]));
  });

  test("where there are more queues than time, another begins each time", () => {
    const queues = Array.from({ length: 10 }, (_, index) => [index]);
    expect(inTurns(queues, 0, 4)).toEqual([0, 1, 2, 3]);
    expect(inTurns(queues, 4, 4)).toEqual([4, 5, 6, 7]);
    expect(inTurns(queues, 8, 4)).toEqual([8, 9, 0, 1]);
  });

  test("nothing waits", () => expect(inTurns([], 3, 4)).toEqual([]));
});

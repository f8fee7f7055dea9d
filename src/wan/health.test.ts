import { expect, test } from "vitest";
import { PathHealth } from "./health.ts";

test("a path that others are heard on spares what is silent there alone", () => {
  const path = new PathHealth();
  path.heard(1000);
  expect(path.spares(1050, 900)).toBe(true);
  expect(path.spares(1050, 1000)).toBe(false);
  expect(path.spares(1100, 900)).toBe(false);
});

test("what was not heard for long is gone with what is found dead, and what is heard later overrules it", () => {
  const path = new PathHealth();
  expect(path.state).toBe("unknown");
  path.heard(1000);
  path.suspected(1100);
  expect(path.state).toBe("suspect");
  path.lost(1300, 200);
  expect([path.state, path.gone(1100), path.gone(1101)]).toEqual(["dead", true, false]);
  path.heard(1400);
  expect(path.state).toBe("up");
});

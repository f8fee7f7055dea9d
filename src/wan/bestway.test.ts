import { expect, test } from "vitest";
import { BestWay } from "./bestway.ts";

const sight = (way: string, rttMs: number, silentMs = 10) => ({ way, rttMs, silentMs });

test("the best way is the one with the shortest round trip, once any was measured", () => {
  const best = new BestWay();
  best.look(0, []);
  expect(best.name).toBeUndefined();
  best.look(0, [sight("lte", 50), sight("fibre", 16)]);
  expect(best.name).toBe("fibre");
});

test("another has to be better by a fifth and 3 ms, for a second", () => {
  const best = new BestWay();
  best.look(0, [sight("fibre", 40)]);
  const rivals = [
    [sight("fibre", 40), sight("lte", 35)],
    [sight("fibre", 8), sight("lte", 5.5)],
  ];
  for (const rival of rivals) {
    best.look(1000, rival);
    best.look(3000, rival);
    expect(best.name).toBe("fibre");
  }
  const loaded = [sight("fibre", 120), sight("lte", 50)];
  best.look(4000, loaded);
  best.look(4900, loaded);
  best.look(4950, [sight("fibre", 40), sight("lte", 50)]);
  best.look(5000, loaded);
  best.look(5900, loaded);
  expect(best.name).toBe("fibre");
  best.look(6000, loaded);
  expect(best.name).toBe("lte");
});

test("of several subflows on a way, the one that was heard last tells", () => {
  const best = new BestWay();
  const look = (now: number): void =>
    best.look(now, [sight("fibre", 16, 5000), sight("fibre", 200, 5), sight("lte", 50, 4000)]);
  look(0);
  look(1000);
  expect(best.name).toBe("lte");
});

test("a best way that is gone is replaced at once", () => {
  const best = new BestWay();
  best.look(0, [sight("fibre", 16), sight("lte", 50)]);
  best.look(1, [sight("lte", 50)]);
  expect(best.name).toBe("lte");
});

import { expect, test } from "vitest";
import { Elsewhere, type HeardWay } from "./elsewhere.ts";

const way = (name: string, heardMs: number | null): HeardWay => ({ way: name, heardMs });
/** Long after the server was heard first. */
const LATER = 60_000;

function heardSince(since = 0): Elsewhere {
  const elsewhere = new Elsewhere();
  elsewhere.look(since, [way("fibre", 5), way("lte", 5)]);
  return elsewhere;
}

test("a WAN that dies alone is told at once from those that are heard", () => {
  const elsewhere = heardSince();
  elsewhere.look(LATER, [way("fibre", 130), way("lte", 20)]);
  expect([elsewhere.than("fibre", 130), elsewhere.than("lte", 20)]).toEqual([true, false]);
});

test("the first WAN to notice that the server is gone is not to blame", () => {
  const elsewhere = heardSince();
  elsewhere.look(LATER, [way("lte", 3800)]);
  expect(elsewhere.than("fibre", 200)).toBe(false);
  elsewhere.look(LATER + 10, [way("lte", 190)]);
  expect(elsewhere.than("fibre", 210)).toBe(false);
  elsewhere.look(LATER + 50, []);
  expect(elsewhere.than("fibre", 250)).toBe(false);
});

test("one that is quiet counts when it was not found dead for a second", () => {
  const elsewhere = heardSince();
  elsewhere.look(LATER, [way("lte", 3800)]);
  expect([elsewhere.than("fibre", 999), elsewhere.than("fibre", 1000)]).toEqual([false, true]);
});

test("when the server is back, every WAN is given time to hear it", () => {
  const elsewhere = heardSince();
  elsewhere.look(LATER, []);
  elsewhere.look(LATER + 8000, [way("lte", 1)]);
  expect(elsewhere.than("fibre", 8000)).toBe(false);
  elsewhere.look(LATER + 9900, [way("lte", 1)]);
  expect(elsewhere.than("fibre", 9900)).toBe(false);
  elsewhere.look(LATER + 10_000, [way("lte", 1)]);
  expect([elsewhere.than("fibre", 10_000), elsewhere.than("fibre", null)]).toEqual([true, true]);
});

test("a WAN alone has nobody to be compared with", () => {
  const elsewhere = heardSince();
  elsewhere.look(LATER, [way("fibre", 5)]);
  expect([elsewhere.than("fibre", 5), elsewhere.than("lte", null)]).toEqual([false, true]);
});

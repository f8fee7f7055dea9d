import { expect, test } from "vitest";
import { NatEntries } from "./natentries.ts";

test("what is over is kept for two minutes, way by way", () => {
  const entries = new NatEntries();
  entries.spend("fibre", 0);
  entries.spend("fibre", 60_000);
  entries.spend("lte", 60_000);
  expect([entries.kept("fibre", 60_000), entries.kept("lte", 60_000), entries.kept("dsl", 0)]).toEqual([
    2, 1, 0,
  ]);
  expect(entries.kept("fibre", 120_000)).toBe(1);
  expect(entries.kept("fibre", 180_000)).toBe(0);
});

test("neither a way that is gone nor a storm takes memory without end", () => {
  const entries = new NatEntries();
  for (let times = 0; times < 5000; times++) entries.spend("fibre", 0);
  expect(entries.kept("fibre", 0)).toBe(1024);
  entries.retain(["lte"]);
  expect(entries.kept("fibre", 0)).toBe(0);
});

import { expect, test } from "vitest";
import { allHold, type Figures } from "./figures.ts";

const GOOD: Figures = {
  fibre_mbps: 94,
  lte_mbps: 46,
  bonded_mbps: 137,
  longest_stall_ms: 250,
  bytes_wrong: 0,
  nat_entries: 8,
};

test("good figures hold, and each promise that is broken is enough to fail", () => {
  expect(allHold(GOOD)).toBe(true);
  const broken: Partial<Figures>[] = [
    { bonded_mbps: 132.9 },
    { longest_stall_ms: 2010 },
    { bytes_wrong: 1 },
    { nat_entries: 65 },
  ];
  for (const change of broken) expect(allHold({ ...GOOD, ...change })).toBe(false);
});

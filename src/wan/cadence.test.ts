import { expect, test } from "vitest";
import { knockEveryMs } from "./cadence.ts";

test("four times a second at first, then less and less often", () => {
  expect([0, 119_999, 120_000, 599_999, 600_000, 86_400_000].map(knockEveryMs)).toEqual([
    250, 250, 1000, 1000, 5000, 5000,
  ]);
});

test("what it sends in ten minutes costs a metered WAN nothing to speak of", () => {
  let attempts = 0;
  for (let now = 0; now < 600_000; now += knockEveryMs(now)) attempts++;
  const SYN_BYTES = 80;
  expect(attempts * SYN_BYTES).toBeLessThan(100_000);
});

import { expect, test } from "vitest";
import type { Carrier } from "./carrier.ts";
import { careFor } from "./care.ts";

const NOW = 1_000_000;
const GOOD = {
  heardAt: NOW - 1000,
  hasFallenBack: false,
  strandedTicks: 0,
  draining: false,
  peerDraining: false,
  flows: new Set(),
};
const care = (carrier: Partial<Record<keyof typeof GOOD, unknown>>, isOwed = false) =>
  careFor({ ...GOOD, ...carrier } as Carrier, NOW, isOwed);

test.each([
  ["that was heard just now needs nothing", {}, false, undefined],
  ["that was silent for long is asked", { heardAt: NOW - 16_000 }, false, "ping"],
  ["on which bytes were stranded at two looks is given time", { strandedTicks: 2 }, false, undefined],
  ["that owes a receipt is asked", {}, true, "ping"],
  ["that nobody needs is closed", { draining: true, peerDraining: true }, false, "close"],
  ["that the peer may still open flows on is kept", { draining: true }, false, undefined],
  [
    "that is spoken on is kept",
    { draining: true, peerDraining: true, flows: new Set([1]) },
    false,
    undefined,
  ],
  ["that owes a receipt is not closed", { draining: true, peerDraining: true }, true, "ping"],
] as const)("a carrier %s", (_, carrier, isOwed, expected) => {
  expect(care(carrier, isOwed)).toBe(expected);
});

test.each([
  ["silent for too long", { heardAt: NOW - 46_000 }, "carrier-silent"],
  ["no more over Multipath TCP", { hasFallenBack: true }, "fell-back"],
  ["on which bytes are stranded", { strandedTicks: 3 }, "stranded"],
])("a carrier %s is given up", (_, carrier, code) => {
  expect(care(carrier)).toMatchObject({ causeClass: "network", code });
});

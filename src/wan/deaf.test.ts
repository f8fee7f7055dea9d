import { expect, test } from "vitest";
import { deadSubflows } from "./deaf.ts";
import type { SubflowSight } from "./sight.ts";

let port = 0;
const subflow = (silentMs: number, unansweredMs: number, established = true): SubflowSight => ({
  local: { address: "192.0.2.1", port: ++port },
  remote: { address: "203.0.113.1", port: 443 },
  established,
  silentMs,
  unansweredMs,
  rttMs: 20,
});
const hears = subflow(20, 0);
const deaf = subflow(2000, 2000);

test("a subflow is dead that got no answer for 2 s while another hears the peer", () => {
  expect(deadSubflows([hears, deaf])).toEqual([deaf]);
});

test.each([
  ["that was heard meanwhile", [hears, subflow(100, 5000)]],
  ["on which nothing waits", [hears, subflow(60_000, 0)]],
  ["that waits for less", [hears, subflow(1900, 1900)]],
  ["that is still connecting", [hears, subflow(5000, 5000, false)]],
  ["while nothing hears the peer", [deaf, subflow(2500, 0)]],
  ["that is the only one", [deaf]],
])("none is %s", (_, subflows) => {
  expect(deadSubflows(subflows)).toEqual([]);
});

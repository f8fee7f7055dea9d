import { expect, test } from "vitest";
import { newWan, type WanStateName } from "../wan/supervisor.ts";
import { wanEvent } from "./wanevents.ts";

const change = (name: WanStateName) => ({
  wan: "fibre",
  addresses: [],
  before: newWan(1000),
  now: { ...newWan(3500), name, reason: "nothing answers" },
});

test.each([
  ["down", true, "warning"],
  ["down", false, "critical"],
  ["degraded", true, "warning"],
  ["over-quota", false, "critical"],
  ["checking", false, "info"],
  ["up", true, "info"],
] as const)("a WAN that is %s while others can carry: %s, is told as %s", (name, left, severity) => {
  expect(wanEvent(change(name), left, 7)).toEqual({
    at: 7,
    code: `wan-${name}`,
    severity,
    wan: "fibre",
    text: `WAN fibre is ${name}: nothing answers`,
    fields: { was: "checking", is: name, why: "nothing answers", afterMs: 2500 },
  });
});

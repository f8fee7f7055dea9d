import { describe, expect, test } from "vitest";
import { parseRouterConfig } from "../config/router.ts";
import type { WallTime } from "../wan/schedule.ts";
import { newWan, type WanState, type WanStateName } from "../wan/supervisor.ts";
import type { QuotaEffect } from "./metering.ts";
import { rolesNow } from "./roles.ts";

const config = parseRouterConfig(
  `version: 1
lan: { interfaces: [lan0] }
wans:
  fibre: { interface: eth1 }
  dsl: { interface: eth2, cost: 0, schedule: [{ days: [mon], from: "08:00", to: "10:00", role: "off" }] }
  lte: { interface: wwan0, cost: 5 }
  sat: { interface: eth3, cost: 9 }
  spare: { interface: eth4, role: backup }`,
  "test",
);
const MONDAY: WallTime = { day: "mon", minute: 9 * 60 };

interface Now {
  readonly states?: Readonly<Record<string, WanStateName>>;
  readonly fell?: readonly string[];
  readonly spent?: readonly string[];
  readonly time?: WallTime;
}

/** The WANs' roles in the order of the file, each by its first letter. */
function roles({ states = {}, fell = [], spent = [], time }: Now): string {
  const stateOf = (wan: string): WanState => ({
    ...newWan(0),
    name: states[wan] ?? "up",
    fell: fell.includes(wan),
  });
  const quotaEffectOf = (wan: string): QuotaEffect => (spent.includes(wan) ? "backup" : "none");
  return [...rolesNow(config, { time, quotaEffectOf, stateOf }).values()]
    .map(({ role }) => role.charAt(0))
    .join("");
}

const FIXED = { fibre: "down", dsl: "no-carrier" } as const;

describe("of the active WANs those of the least cost stay so", () => {
  test.each<[string, Now, string]>([
    ["while they are alive", {}, "aabbb"],
    ["while one of them is", { states: { fibre: "down" } }, "aabbb"],
    ["while one is degraded, busy or rests", { states: { fibre: "degraded", dsl: "down" } }, "aabbb"],
    ["before anybody has looked", { states: { fibre: "checking", dsl: "checking" } }, "aabbb"],
    ["not where they are all out, and the next in cost come", { states: FIXED }, "aaabb"],
    [
      "not while one that was down proves itself",
      { states: { ...FIXED, fibre: "checking" }, fell: ["fibre"] },
      "aaabb",
    ],
    ["down to the dearest", { states: { ...FIXED, lte: "over-quota" } }, "aaaab"],
    ["and all where none is alive", { states: { ...FIXED, lte: "down", sat: "absent" } }, "aaaab"],
    ["a backup by its quota is none of them", { states: { dsl: "down" }, spent: ["fibre"] }, "baabb"],
    ["nor is one that is off by the hour", { states: { fibre: "down" }, time: MONDAY }, "aoabb"],
  ])("%s", (_, now, expected) => {
    expect(roles(now)).toBe(expected);
  });
});

test("each says why it is not what the config says, and only then", () => {
  const now = rolesNow(config, { time: MONDAY, quotaEffectOf: () => "none", stateOf: undefined });
  expect(Object.fromEntries(now)).toEqual({
    fibre: { role: "active" },
    dsl: { role: "off", roleWhy: "off by its schedule until 10:00" },
    lte: { role: "backup", roleWhy: "a backup, as there are WANs of cost 0" },
    sat: { role: "backup", roleWhy: "a backup, as there are WANs of cost 0" },
    spare: { role: "backup" },
  });
});

import { expect, test } from "vitest";
import type { Rule } from "../linux/iproute.ts";
import { diff, type ActualState } from "../netplan/diff.ts";
import { KERNEL_RULES } from "../netplan/kernelrules.ts";
import { putBack } from "../netplan/losses.ts";
import { NOTHING, type DesiredState } from "../netplan/model.ts";
import { PROTOCOL } from "../netplan/own.ts";
import { lossReports } from "./losses.ts";

const rule = (priority: number): Rule => ({ family: "inet", priority, table: 1, protocol: PROTOCOL });
const TABLE = "table inet sennit {\n\tchain a {\n\t\ttcp dport 1 drop\n\t\ttcp dport 2 drop\n\t}\n}\n";
const HELD: DesiredState = {
  ...NOTHING,
  nft: TABLE,
  rules: [rule(1), rule(2)],
  kernelRules: KERNEL_RULES,
  sysctls: [{ key: "net/ipv4/ip_forward", value: "1" }],
};
const INTACT: ActualState = {
  nft: { table: TABLE },
  links: [],
  rules: [...HELD.rules, ...KERNEL_RULES],
  routes: [],
  mptcpLimits: undefined,
  sysctls: new Map([["net/ipv4/ip_forward", "1"]]),
};
const told = (actual: Partial<ActualState>, desired = HELD, held = HELD) =>
  lossReports(putBack(held, diff(desired, { ...INTACT, ...actual })));

test("nothing is told where nothing is lost, or what comes or goes is a wish of ours", () => {
  expect(told({})).toEqual([]);
  expect(told({}, { ...HELD, rules: [rule(3)], nft: TABLE.replace("2", "3") })).toEqual([]);
  expect(told({ nft: { table: undefined }, rules: [] }, HELD, NOTHING)).toEqual([]);
});

test("a flushed ruleset, rules and a setting are one event that says what was missing", () => {
  expect(
    told({
      nft: { table: undefined },
      rules: KERNEL_RULES,
      sysctls: new Map([["net/ipv4/ip_forward", "0"]]),
    }),
  ).toMatchObject([
    {
      code: "kernel-state-lost",
      severity: "warning",
      text: expect.stringMatching(
        /the table inet sennit; 2 rules \(ip rule add priority 1 .*, ip rule add priority 2 .*\); 1 setting \(sysctl -w/,
      ),
      fields: { table: true, rules: 2, routes: 0, addresses: 0, settings: 1 },
    },
  ]);
});

test("one rule of the table is named", () => {
  const table = TABLE.replace("\t\ttcp dport 2 drop\n", "");
  expect(told({ nft: { table } })[0]?.text).toContain('which was without "tcp dport 2 drop"');
});

test("a rule for main that is gone is critical", () => {
  expect(told({ rules: HELD.rules })).toMatchObject([
    { code: "main-rule-missing", severity: "critical", fields: { rules: 3 } },
  ]);
});

test("the limits of MPTCP are named where they are all that was lost", () => {
  const held: DesiredState = { ...HELD, mptcpLimits: { subflows: 8, addAddrAccepted: 8 } };
  const [report] = told({ mptcpLimits: { subflows: 0, addAddrAccepted: 0 } }, held, held);
  expect(report?.text).toMatch(/put back: 1 set of MPTCP limits \(.*limits/);
  expect(report?.fields).toMatchObject({ limits: 1 });
});

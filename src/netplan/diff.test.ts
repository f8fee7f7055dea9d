import fc from "fast-check";
import { expect, test } from "vitest";
import type { Link, Route, Rule } from "../linux/iproute.ts";
import { diff, sameText, type ActualState } from "./diff.ts";
import { KERNEL_RULES } from "./kernelrules.ts";
import { NOTHING, type DesiredState } from "./model.ts";
import { METRIC_FIRST_WAN, PROTOCOL } from "./own.ts";
import { showStep } from "./show.ts";

const EMPTY: ActualState = {
  nft: { table: undefined },
  links: [],
  rules: [],
  routes: [],
  mptcpLimits: { subflows: 2, addAddrAccepted: 0 },
  sysctls: new Map(),
};
const rule = (priority: number, protocol = PROTOCOL): Rule => ({
  family: "inet",
  priority,
  table: 1,
  protocol,
});
const route = (table: number, gateway: string, protocol = PROTOCOL): Route => ({
  family: "inet",
  type: "unicast",
  table,
  destination: "default",
  gateway,
  device: "wan0",
  protocol,
});
const shown = (desired: DesiredState, actual: ActualState): readonly string[] =>
  diff(desired, actual).map(showStep);

test("what traffic is led into comes before what leads it there, and what goes comes last", () => {
  const desired: DesiredState = {
    nft: "table inet sennit {\n}\n",
    addresses: [],
    rules: [rule(1), rule(2)],
    kernelRules: [],
    routes: [route(1, "10.0.0.1"), route(2, "10.0.0.9")],
    mptcpLimits: { subflows: 8, addAddrAccepted: 0 },
    sysctls: [{ key: "net/mptcp/enabled", value: "1" }],
    problems: [],
  };
  const actual: ActualState = {
    ...EMPTY,
    rules: [rule(2), rule(3), rule(4, 99)],
    routes: [route(2, "10.0.0.1"), route(3, "10.0.0.1"), route(4, "10.0.0.1", 99)],
    sysctls: new Map([["net/mptcp/enabled", "0"]]),
  };
  expect(shown(desired, actual)).toEqual([
    "sysctl -w net/mptcp/enabled=1",
    "ip mptcp limits set subflow 8 add_addr_accepted 0",
    "ip route add default via 10.0.0.1 dev wan0 table 1 proto 83",
    "ip route replace default via 10.0.0.9 dev wan0 table 2 proto 83",
    "ip rule add priority 1 lookup 1 protocol 83",
    "nft -f - # replace table inet sennit",
    "ip rule del priority 3 lookup 1 protocol 83",
    "ip route del default via 10.0.0.1 dev wan0 table 3 proto 83",
  ]);
});

test("the new lease is there before the old one goes, and nobody else's address is touched", () => {
  const own = { family: "inet", prefixLength: 24, device: "wan0", metric: METRIC_FIRST_WAN } as const;
  const seen = {
    family: "inet",
    prefixLength: 24,
    scope: "global",
    secondary: false,
    preferred: true,
  } as const;
  const wan0: Link = {
    name: "wan0",
    index: 2,
    kind: undefined,
    up: true,
    carrier: true,
    mtu: 1500,
    addresses: [
      {
        ...seen,
        address: "10.1.0.2",
        metric: METRIC_FIRST_WAN,
      },
      {
        ...seen,
        address: "10.7.0.2",
      },
      {
        ...seen,
        address: "10.8.0.2",
        metric: 100,
      },
      {
        ...seen,
        address: "10.9.0.2",
      },
    ],
  };
  const desired: DesiredState = {
    ...NOTHING,
    addresses: [
      { ...own, address: "10.2.0.2" },
      { ...own, address: "10.9.0.2" },
      { ...own, address: "10.3.0.2", device: "gone0" },
    ],
    routes: [route(1, "10.2.0.1")],
  };
  const actual: ActualState = { ...EMPTY, links: [wan0], routes: [route(1, "10.1.0.1")] };
  expect(shown(desired, actual)).toEqual([
    `ip address add 10.2.0.2/24 dev wan0 broadcast + metric ${METRIC_FIRST_WAN}`,
    "ip route replace default via 10.2.0.1 dev wan0 table 1 proto 83",
    "ip address del 10.1.0.2/24 dev wan0",
  ]);
});

test("what could not be read is not touched", () => {
  const unread: ActualState = {
    nft: undefined,
    links: undefined,
    rules: undefined,
    routes: undefined,
    mptcpLimits: undefined,
    sysctls: new Map([["net/mptcp/enabled", undefined]]),
  };
  const desired: DesiredState = {
    nft: "table inet sennit {\n}\n",
    addresses: [],
    rules: [rule(1)],
    kernelRules: KERNEL_RULES,
    routes: [route(1, "10.0.0.1")],
    mptcpLimits: { subflows: 8, addAddrAccepted: 0 },
    sysctls: [{ key: "net/mptcp/enabled", value: "1" }],
    problems: [],
  };
  expect(diff(desired, unread)).toEqual([]);
});

test("the kernel's own rules are put back first, wherever somebody moved them, and never taken away", () => {
  const desired = { ...NOTHING, kernelRules: KERNEL_RULES };
  const [main, last, main6] = KERNEL_RULES;
  if (main === undefined || last === undefined || main6 === undefined) throw new Error("three rules");
  expect(shown(desired, EMPTY)).toEqual([
    "ip rule add priority 32766 lookup 254 protocol 2",
    "ip rule add priority 32767 lookup 253 protocol 2",
    "ip -6 rule add priority 32766 lookup 254 protocol 2",
  ]);
  const moved = [{ ...main, priority: 99, protocol: 3 }, { ...last }, { ...main6, suppressPrefixLength: 0 }];
  expect(shown(desired, { ...EMPTY, rules: moved })).toEqual([
    "ip -6 rule add priority 32766 lookup 254 protocol 2",
  ]);
  expect(shown(NOTHING, { ...EMPTY, rules: KERNEL_RULES })).toEqual([]);
});

test("a buffer that somebody made larger stays", () => {
  const wish = { ...NOTHING, sysctls: [{ key: "net/ipv4/tcp_rmem", lastAtLeast: 1000 }] };
  const having = (value: string): ActualState => ({
    ...EMPTY,
    sysctls: new Map([["net/ipv4/tcp_rmem", value]]),
  });
  expect(diff(wish, having("1\t2\t1000"))).toEqual([]);
  expect(diff(wish, having("1\t2\t5000"))).toEqual([]);
  expect(shown(wish, having("1\t2\t999"))).toEqual(["sysctl -w 'net/ipv4/tcp_rmem=1 2 1000'"]);
});

test("any state leads to any other, and then there is nothing to do", () => {
  const rules = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 6 });
  const routes = fc.dictionary(fc.constantFrom("1", "2", "3"), fc.constantFrom("10.0.0.1", "10.0.0.2"));
  const state = fc.record({ rules, routes }).map(({ rules, routes }) => ({
    rules: rules.map((priority) => rule(priority)),
    routes: Object.entries(routes).map(([table, gateway]) => route(Number(table), gateway)),
  }));
  fc.assert(
    fc.property(state, state, (from, to) => {
      const now = { rules: [...from.rules, rule(9, 99)], routes: [...from.routes, route(9, "10.0.0.9", 99)] };
      for (const step of diff({ ...NOTHING, ...to }, { ...EMPTY, ...now })) {
        if (step.do !== "ip") continue;
        const { change } = step;
        const others = <T>(list: readonly T[], same: (item: T) => boolean): T[] =>
          list.filter((item) => !same(item));
        if (change.object === "rule") {
          now.rules = others(now.rules, ({ priority }) => priority === change.value.priority);
          if (change.verb === "add") now.rules.push(change.value);
        } else if (change.object === "route") {
          now.routes = others(now.routes, ({ table }) => table === change.value.table);
          if (change.verb !== "del") now.routes.push(change.value);
        }
      }
      expect(diff({ ...NOTHING, ...to }, { ...EMPTY, ...now })).toEqual([]);
      expect(now.rules).toContainEqual(rule(9, 99));
      expect(now.routes).toContainEqual(route(9, "10.0.0.9", 99));
    }),
  );
});

test("tables are compared by what they mean", () => {
  const text = 'table inet t {\n\tchain c {\n\t\tiifname { "a", "b" } accept\n\t}\n}\n';
  expect(sameText(text, text.replace('"a", "b"', '"b", "a"').replaceAll("\t", "  "))).toBe(true);
  expect(sameText(text, text.replace('"b"', '"c"'))).toBe(false);
  expect(sameText(text, text.replace("accept", "drop"))).toBe(false);
  expect(sameText(text, undefined)).toBe(false);
});

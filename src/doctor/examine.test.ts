import { describe, expect, test } from "vitest";
import type { Address, Link, Rule } from "../linux/iproute.ts";
import { KERNEL_RULES } from "../netplan/kernelrules.ts";
import { PROTOCOL } from "../netplan/own.ts";
import type { Evidence, Known, WanReport } from "./evidence.ts";
import { CHECKS, examine } from "./examine.ts";

const NOW = Date.UTC(2026, 10, 23);

function address(text: string): Address {
  const [ip = "", length] = text.split("/");
  const family = ip.includes(":") ? "inet6" : "inet";
  const scope = ip.startsWith("fe80") ? "link" : "global";
  return { family, address: ip, prefixLength: Number(length), scope, secondary: false, preferred: true };
}

function link(name: string, addresses: readonly string[], more: Partial<Link> = {}): Link {
  return {
    name,
    index: 1,
    kind: "veth",
    up: true,
    carrier: true,
    mtu: 1500,
    addresses: addresses.map(address),
    ...more,
  };
}

const LAN = link("lan0", ["192.168.1.1/24", "2001:db8::1/64"]);
const FIBRE = link("eth1", ["10.1.0.2/24", "fe80::1/64"]);
const LTE = link("wwan0", ["10.2.0.2/24"]);

const report = (more: Partial<WanReport>): WanReport => ({
  name: "lte",
  state: "up",
  reason: "round trip 50 ms",
  quota: null,
  ...more,
});

const rule = (more: Partial<Rule>): Rule => ({
  family: "inet",
  priority: 100,
  table: 7,
  protocol: 84,
  ...more,
});

const HEALTHY: Evidence = {
  role: { value: "router" },
  wans: {
    value: [
      { name: "fibre", device: "eth1", role: "active" },
      { name: "lte", device: "wwan0", role: "backup" },
    ],
  },
  lan: { value: { devices: ["lan0"], addresses: ["192.168.1.1/24"] } },
  reports: { value: [report({ name: "fibre" }), report({ quota: { state: "room", perMille: 100 } })] },
  complaints: { value: [] },
  links: { value: [LAN, FIBRE, LTE] },
  rules: {
    value: [
      ...KERNEL_RULES,
      rule({ priority: 0, table: 255, protocol: 2 }),
      rule({ priority: 8300, protocol: PROTOCOL }),
      rule({ priority: 32_764 }),
    ],
  },
  defaultRoutes: { value: ["eth1", "wwan0"] },
  mptcpEnabled: { value: true },
  limits: { value: { subflows: 2, addAddrAccepted: 0 } },
  endpoints: { value: [] },
  conntrack: { value: { count: 100, max: 65_536 } },
  clock: { value: { nowMs: NOW, latestMs: NOW - 1000 } },
};

const links = (...value: readonly Link[]): Partial<Evidence> => ({ links: { value } });
const reports = (...value: readonly WanReport[]): Partial<Evidence> => ({ reports: { value } });

/** By code: what makes a healthy machine have it, on which WAN, and with which figures. */
const SICK: readonly (readonly [string, Partial<Evidence>, string | null, string])[] = [
  ["wan-absent", links(LAN, FIBRE), "lte", "there is no device wwan0"],
  ["wan-no-carrier", links(LAN, FIBRE, { ...LTE, carrier: false }), "lte", "wwan0 has no carrier"],
  ["wan-no-carrier", links(LAN, FIBRE, { ...LTE, up: false }), "lte", "wwan0 is switched off"],
  ["no-address", links(LAN, FIBRE, link("wwan0", ["fe80::2/64"])), "lte", "wwan0 has no address"],
  ["no-gateway", { defaultRoutes: { value: ["eth1"] } }, "lte", "no default route leads to wwan0"],
  ["wan-same-address", links(LAN, FIBRE, link("wwan0", ["10.1.0.2/24"])), "lte", "both have 10.1.0.2"],
  ["duplicate-subnet", links(LAN, FIBRE, link("wwan0", ["10.1.0.9/16"])), "lte", "both in 10.1.0.0/24"],
  ["wan-is-lan", links(LAN, FIBRE, link("wwan0", ["192.168.1.9/24"])), "lte", "both in 192.168.1.0/24"],
  ["wan-is-lan", links(LAN, FIBRE, link("wwan0", ["2001:db8::9/64"])), "lte", "both in 2001:db8::/64"],
  ["mptcp-off", { mptcpEnabled: { value: false } }, null, "net.mptcp.enabled is not 1"],
  ["limits-low", { role: { value: "server" } }, null, "2 subflows per connection, of 8"],
  ["foreign-endpoints", { endpoints: { value: ["10.1.0.2"] } }, null, "endpoints for 10.1.0.2"],
  ["foreign-rules", { rules: { value: [...KERNEL_RULES, rule({})] } }, null, "priority 100 (table 7)"],
  ["kernel-rule-missing", { rules: { value: KERNEL_RULES.slice(1) } }, null, "no IPv4 rule for main"],
  ["conntrack-filling", { conntrack: { value: { count: 80, max: 100 } } }, null, "80 of 100"],
  ["clock-off", { clock: { value: { nowMs: 86_400_000, latestMs: undefined } } }, null, "1970-01-02"],
  ["clock-off", { clock: { value: { nowMs: NOW, latestMs: NOW + 7.2e6 } } }, null, "2026-11-23T02"],
  ["wan-down", reports(report({ state: "down", reason: "nothing answers" })), "lte", "nothing answers"],
  ["wan-degraded", reports(report({ state: "degraded", reason: "667 per mille" })), "lte", "667 per mille"],
  ["wan-paused", reports(report({ state: "paused", reason: "carry 8 less" })), "lte", "carry 8 less"],
  ["quota-near", reports(report({ quota: { state: "near", perMille: 912 } })), "lte", "91.2 %"],
  ["quota-used-up", reports(report({ quota: { state: "used-up", perMille: 1001 } })), "lte", "100.1 %"],
];

describe("each check", () => {
  test.each(SICK)("%s is found: %j", (code, change, wan, evidence) => {
    const { findings } = examine({ ...HEALTHY, ...change });
    const found = findings.find((one) => one.code === code);
    expect(found).toMatchObject({ wan, evidence: expect.stringContaining(evidence) as string });
    expect(found?.hiddenBy).toBeUndefined();
  });

  test("finds nothing on a healthy machine", () => {
    expect(examine(HEALTHY)).toEqual({ findings: [], unchecked: [] });
  });

  test("says that it could not look, and why", () => {
    const why: Known<never> = { unknown: "no right to" };
    const blind = Object.fromEntries(Object.keys(HEALTHY).map((key) => [key, why])) as unknown as Evidence;
    const { findings, unchecked } = examine(blind);
    expect(findings).toEqual([]);
    expect(unchecked).toEqual(CHECKS.map(({ code }) => ({ code, why: "no right to" })));
  });

  test("is in the table above, and names codes that there are", () => {
    const codes = CHECKS.map(({ code }) => code);
    expect(new Set(SICK.map(([code]) => code))).toEqual(new Set(codes));
    expect(new Set(codes).size).toBe(codes.length);
    for (const { consequenceOf = [] } of CHECKS)
      expect(codes).toEqual(expect.arrayContaining([...consequenceOf]));
  });
});

test("a consequence hides behind its cause, on the same WAN alone", () => {
  const { findings } = examine({
    ...HEALTHY,
    ...links(LAN, link("eth1", []), { ...LTE, carrier: false, addresses: [] }),
    defaultRoutes: { value: [] },
  });
  expect(findings.map(({ code, wan, hiddenBy }) => [code, wan, hiddenBy])).toEqual([
    ["wan-no-carrier", "lte", undefined],
    ["no-address", "fibre", undefined],
    ["no-address", "lte", "wan-no-carrier"],
    ["no-gateway", "fibre", "no-address"],
    ["no-gateway", "lte", "wan-no-carrier"],
  ]);
});

test("what the running role complains of is told too, but not twice; the worst comes first", () => {
  const { findings } = examine({
    ...HEALTHY,
    ...reports(report({ state: "down", reason: "silent" })),
    complaints: {
      value: [
        { code: "wan-down", message: "WAN lte: silent", remedy: null },
        { code: "data-down", message: "the data process is down", remedy: null },
      ],
    },
  });
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ["data-down", "critical"],
    ["wan-down", "warning"],
  ]);
});

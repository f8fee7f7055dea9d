import { expect, test } from "vitest";
import type { HostSpec } from "../topology/schema.ts";
import { parseTopology } from "../topology/topology.ts";
import {
  cableLine,
  deviceLines,
  holeRules,
  natSysctlsOf,
  readdressLines,
  routeLines,
  stripRules,
  sysctlsOf,
} from "./render.ts";

const { hosts, links } = parseTopology(
  `version: 1
hosts:
  box:
    nat: { outside: wan, udp: 90 s, tcp: 1 h, maxEntries: 100 }
    interfaces:
      lan: [192.0.2.1/24, fd00::1/64]
      wan: [198.51.100.2/24 x 2]
    routes: [default via 198.51.100.1 metric 5, fd00:1::/64 via fd00::2]
  other: { interfaces: { lan: [192.0.2.2/24], wan: [198.51.100.1/24] } }
links:
  lan: { ends: [other:lan, box:lan] }
  wan: { ends: [box:wan, other:wan] }
`,
  "test",
);
const box = hosts["box"] as HostSpec;

test("devices, addresses and routes", () => {
  expect(deviceLines(box)).toBe(`link set lo up
link set dev lan up
addr add 192.0.2.1/24 dev lan
addr add fd00::1/64 dev lan nodad
link set dev wan up
addr add 198.51.100.2/24 dev wan
addr add 198.51.100.3/24 dev wan
route replace default via 198.51.100.1 metric 5 proto static
route replace fd00:1::/64 via fd00::2 proto static
`);
});

test("a device that comes back gets its own routes back", () => {
  expect(routeLines(box, "wan")).toBe("route replace default via 198.51.100.1 metric 5 proto static\n");
  expect(routeLines(box, "lan")).toBe("route replace fd00:1::/64 via fd00::2 proto static\n");
});

test("another address, with the routes of its subnet", () => {
  const range = { family: 4, first: "198.51.100.2", prefixLength: 24, count: 1 } as const;
  expect(readdressLines(box, "wan", range, "198.51.100.2", "198.51.100.9"))
    .toBe(`addr del 198.51.100.2/24 dev wan
addr add 198.51.100.9/24 dev wan
route replace default via 198.51.100.1 metric 5 proto static
`);
});

test("a cable", () => {
  expect(cableLine(links["lan"] ?? never(), (host) => `ns-${host}`)).toBe(
    "link add name lan netns ns-other type veth peer name lan netns ns-box\n",
  );
});

test("settings: only who forwards forwards, and a NAT box times mappings out", () => {
  expect(sysctlsOf(box)).toMatchObject({ "net/ipv4/ip_forward": "1" });
  expect(natSysctlsOf(box.nat ?? never())).toMatchObject({
    "net/netfilter/nf_conntrack_udp_timeout": "90",
    "net/netfilter/nf_conntrack_udp_timeout_stream": "90",
    "net/netfilter/nf_conntrack_tcp_timeout_established": "3600",
    "net/netfilter/nf_conntrack_tcp_loose": "0",
  });
  const host = sysctlsOf(hosts["other"] ?? never());
  expect(host).not.toHaveProperty("net/ipv4/ip_forward");
  expect(Object.keys(host).join(" ")).not.toContain("nf_conntrack");
  expect(host["net/ipv4/conf/all/rp_filter"]).toBe("0");
});

test("a middlebox and a black hole come and go", () => {
  const gone = "add table inet lab-strip\ndelete table inet lab-strip\n";
  expect(stripRules(false)).toBe(gone);
  expect(stripRules(true).startsWith(gone)).toBe(true);
  expect(stripRules(true)).toContain("meta l4proto tcp reset tcp option mptcp\n");
  expect(holeRules([])).toBe("add table netdev lab-hole\ndelete table netdev lab-hole\n");
  expect(holeRules(["lan", "1.wan"])).toContain(
    'hook ingress device "1.wan" priority filter; policy drop;\n',
  );
});

function never(): never {
  throw new Error("it is in the topology above");
}

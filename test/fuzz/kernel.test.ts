import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConntrack } from "../../src/linux/conntrack.ts";
import { parseDeviceCounters } from "../../src/linux/counters.ts";
import { parseLimits, parseLinks, parseRoutes, parseRules } from "../../src/linux/iprouteparse.ts";
import {
  decodeFullInfo,
  decodeMptcpInfo,
  decodeSubflowAddrs,
  splitSubflowData,
} from "../../src/linux/mptcpinfo.ts";
import { decodeAnswers, decodeAttributes } from "../../src/linux/netlink.ts";
import { decodeFamily } from "../../src/linux/pathmanagercodec.ts";
import { decodeSocket } from "../../src/linux/sockdiagcodec.ts";
import { decodeTcpInfo } from "../../src/linux/tcpinfo.ts";
import { mangled, mangledText, throwsOnly } from "./mangle.ts";

/*
 * What the kernel and its tools say, with some damage: it is read, or refused with the kernel to blame. Nothing else is
 * thrown, and nothing takes longer than the bytes that there are.
 */
const RUNS = { numRuns: 1000 };

const dumps = JSON.parse(
  readFileSync(new URL("../fixtures/mptcp-6.18.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;
const dump = (name: string): Buffer => Buffer.from(dumps[name] ?? "", "base64");

describe("bytes of the kernel", () => {
  test("netlink: sockets", () => {
    fc.assert(
      fc.property(mangled([dump("sockDiagV4"), dump("sockDiagV6")]), (bytes) => {
        const answers = throwsOnly("kernel", () => decodeAnswers(bytes));
        for (const payload of answers?.payloads ?? []) {
          expect(payload.length).toBeLessThanOrEqual(bytes.length);
          const socket = throwsOnly("kernel", () => decodeSocket(payload));
          if (socket !== undefined) expect(socket.local.port).toBeLessThan(65_536);
        }
      }),
      RUNS,
    );
  });

  test("netlink: attributes, and the number of a family", () => {
    // CTRL_ATTR_FAMILY_ID 26, behind a struct genlmsghdr.
    const family = Buffer.from("0102000006000100001a0000", "hex");
    fc.assert(
      fc.property(mangled([family, dump("sockDiagV6").subarray(72)]), (bytes) => {
        const attributes = throwsOnly("kernel", () => decodeAttributes(bytes));
        let length = 0;
        for (const value of attributes?.values() ?? []) length += value.length;
        expect(length).toBeLessThanOrEqual(bytes.length);
        throwsOnly("kernel", () => decodeFamily(bytes));
      }),
      RUNS,
    );
  });

  test("MPTCP_FULL_INFO", () => {
    const arrays = fc.record({
      subflows: mangled([dump("fullInfoSubflows")]),
      tcp: mangled([dump("fullInfoTcp")]),
    });
    fc.assert(
      fc.property(mangled([dump("fullInfo")]), arrays, (bytes, each) => {
        const info = throwsOnly("kernel", () => decodeFullInfo(bytes, each));
        expect(info?.subflows.length ?? 0).toBeLessThanOrEqual(each.tcp.length);
      }),
      RUNS,
    );
  });

  test("MPTCP_INFO, MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS", () => {
    const names = ["mptcpInfo", "mptcpTcpInfo", "mptcpSubflowAddrs"];
    fc.assert(
      fc.property(mangled(names.map(dump)), (bytes) => {
        throwsOnly("kernel", () => decodeMptcpInfo(bytes));
        const parts = throwsOnly("kernel", () => splitSubflowData(bytes)) ?? [];
        expect(parts.length).toBeLessThanOrEqual(bytes.length);
        for (const part of [bytes, ...parts]) {
          throwsOnly("kernel", () => decodeTcpInfo(part));
          throwsOnly("kernel", () => decodeSubflowAddrs(part));
        }
      }),
      RUNS,
    );
  });
});

const CONNTRACK = [
  "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.2 dst=192.0.2.1 sport=50000 dport=443 src=192.0.2.1 dst=203.0.113.5 sport=443 dport=50000 [ASSURED] mark=0 use=1",
  "ipv6     10 icmpv6   58 29 src=fd00::2 dst=2001:db8::1 type=128 code=0 id=7 [UNREPLIED] src=2001:db8::1 dst=fd00::2 type=129 code=0 id=7 mark=0 zone=3 use=1",
];
const LINKS = JSON.stringify([
  {
    ifindex: 2,
    ifname: "fibre",
    flags: ["BROADCAST", "UP", "LOWER_UP"],
    mtu: 1500,
    linkinfo: { info_kind: "veth" },
    addr_info: [{ family: "inet", local: "192.0.2.1", prefixlen: 24, scope: "global" }, {}],
  },
]);
const RULES = JSON.stringify([
  { priority: 100, src: "192.0.2.0", srclen: 24, fwmark: "0x1", iif: "lan", table: "100", protocol: "217" },
]);
const ROUTES = JSON.stringify([
  {
    dst: "default",
    gateway: "192.0.2.254",
    dev: "fibre",
    protocol: "217",
    metric: 100,
    flags: ["onlink"],
    metrics: [{ initcwnd: 32 }],
  },
]);
const COUNTERS = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
 fibre: 2000 20 0 0 0 0 0 0 3000 30 0 0 0 0 0 0
`;

describe("text of the kernel's tools", () => {
  test.each<readonly [string, readonly string[], (text: string) => unknown]>([
    ["conntrack", CONNTRACK, parseConntrack],
    ["ip address", [LINKS], parseLinks],
    ["ip rule", [RULES], (text) => parseRules(text, "inet")],
    ["ip route", [ROUTES], (text) => parseRoutes(text, "inet6")],
    ["ip mptcp limits", ["add_addr_accepted 0 subflows 8 \n"], parseLimits],
    ["device counters", [COUNTERS], parseDeviceCounters],
  ])("%s", (_, samples, parse) => {
    for (const sample of samples) expect(parse(sample)).toBeDefined();
    fc.assert(
      fc.property(mangledText(samples), (text) => {
        throwsOnly("kernel", () => parse(text));
      }),
      RUNS,
    );
  });

  test.each<readonly [string, string, (text: string) => unknown]>([
    ["ip address", LINKS, parseLinks],
    ["ip rule", RULES, (text) => parseRules(text, "inet")],
    ["ip route", ROUTES, (text) => parseRoutes(text, "inet")],
  ])("%s with values of other kinds in it", (_, sample, parse) => {
    fc.assert(
      fc.property(fc.nat(), fc.jsonValue(), (at, value) => {
        const whole: unknown = JSON.parse(sample);
        const text = JSON.stringify(replaced(whole, at, value));
        expect(throwsOnly("kernel", () => parse(text)) ?? []).toBeInstanceOf(Array);
      }),
      RUNS,
    );
  });
});

/** A copy in which one value, counted through the whole, is another. */
function replaced(whole: unknown, at: number, value: unknown): unknown {
  let count = 0;
  JSON.stringify(whole, (_, each: unknown) => {
    count++;
    return each;
  });
  let left = at % count;
  return JSON.parse(JSON.stringify(whole, (_, each: unknown) => (left-- === 0 ? value : each)) ?? "null");
}

import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SennitError } from "../base/errors.ts";
import { didYouMean, type Problem } from "./problems.ts";
import { isNetwork } from "./networkfields.ts";
import { readText } from "./load.ts";
import { parseRouterConfig } from "./router.ts";
import { parseServerConfig } from "./server.ts";

const ROUTER = `
version: 1
lan:
  interfaces: [lan]
wans:
  fibre: { interface: fibre }
  lte:   { interface: lte, role: backup }
`;

function problemsOf(parse: (text: string, name: string) => unknown, text: string): readonly Problem[] {
  try {
    parse(text, "test.yaml");
  } catch (error) {
    if (error instanceof SennitError && error.code === "config-invalid") {
      expect(error.causeClass).toBe("config");
      return error.detail["problems"] as readonly Problem[];
    }
    throw error;
  }
  return [];
}

const router = (text: string): readonly Problem[] => problemsOf(parseRouterConfig, text);
const server = (text: string): readonly Problem[] => problemsOf(parseServerConfig, text);
const withWans = (wans: string): string => `version: 1\nlan: { interfaces: [lan] }\nwans:\n${wans}`;

const WAN = { addressing: "found", weight: 1, cost: 0, metered: false, schedule: [] };
const MPTCP = { checksum: false, staleLossCount: 2, blackholeTimeout: 0 };

describe("a right file", () => {
  test("router: what is not said gets its default", () => {
    expect(parseRouterConfig(ROUTER, "router.yaml")).toEqual({
      version: 1,
      lan: { interfaces: ["lan"], ra: false },
      wans: {
        fibre: { interface: "fibre", role: "active", ...WAN },
        lte: { interface: "lte", role: "backup", ...WAN },
      },
      mptcp: MPTCP,
      thresholds: { loss: 30 },
      history: {
        seconds: 21_600_000,
        minutes: 14 * 86_400_000,
        hours: 730 * 86_400_000,
        events: 90 * 86_400_000,
        size: 64 * 1024 ** 2,
      },
      notify: { hooks: [], webhooks: [], most: 10, period: 600_000 },
      relay: { carriers: 6, maxCarriers: 8, grace: 600_000, drain: 3_600_000, onFailure: "open" },
      directories: { state: "/var/lib/sennit/router", run: "/run/sennit/router" },
      log: { level: "info" },
    });
  });

  test("durations and sizes are read with their units", () => {
    expect(parseRouterConfig(`${ROUTER}relay: { grace: 1 min, drain: 2 h }`, "x").relay).toMatchObject({
      grace: 60_000,
      drain: 7_200_000,
    });
    expect(parseServerConfig("version: 1\nrelay: { graceMemory: 8 MB }", "x").relay.graceMemory).toBe(
      2 ** 23,
    );
  });

  test("server: a version is enough", () => {
    expect(parseServerConfig("version: 1", "server.yaml")).toEqual({
      version: 1,
      listen: { port: 443, addresses: ["::"] },
      relay: { grace: 600_000, graceMemory: 64 * 1024 ** 2, drain: 3_600_000 },
      mptcp: MPTCP,
      egress: { allowPrivate: [] },
      directories: { state: "/var/lib/sennit/server", run: "/run/sennit/server" },
      log: { level: "info" },
    });
  });
});

describe("a wrong file", () => {
  test("three mistakes are three messages, each with line, path, found and allowed", () => {
    const text = `version: 1
lan: { interfaces: [lan] }
wans:
  fibre:
    interfce: fibre
    interface: up
relay:
  carriers: 100
`;
    expect(() => parseRouterConfig(text, "router.yaml")).toThrow(
      `router.yaml: 3 problems
  line 5, wans.fibre.interfce: found the unknown key "interfce" (did you mean "interface"?); allowed is interface, match, role, addressing, addresses, gateway, weight, cost, metered, mtu, ttl, mac, offloads, check, quota or schedule
  line 6, wans.fibre.interface: found "up"; allowed is the name of a network device: at most 15 of A-Z a-z 0-9 . _ -, and not a word of iproute2 such as "up"
  line 8, relay.carriers: found 100; allowed is a whole number from 1 to 64`,
    );
  });

  test("faults of shape and faults between keys are told together", () => {
    expect(router(`${ROUTER}  dsl: { interface: lan, role: fast }\n`).map((problem) => problem.path)).toEqual(
      ["wans.dsl.role", "wans.dsl.interface"],
    );
  });

  test.each([
    ["a missing section", "version: 1\nlan: { interfaces: [lan] }", "wans", "nothing"],
    ["a missing key", withWans("  a: { role: active }"), "wans.a.interface", "nothing"],
    ["an empty value", withWans("  a: { interface: }"), "wans.a.interface", "an empty value"],
    ["an unknown version", ROUTER.replace("version: 1", "version: 2"), "version", "2"],
    ["an empty list", ROUTER.replace("[lan]", "[]"), "lan.interfaces", "[]"],
    ["a bad WAN name", withWans('  "a b": { interface: x }'), "wans.a b", 'the name "a b"'],
    [
      "a long device name",
      withWans("  a: { interface: sixteen-letters- }"),
      "wans.a.interface",
      '"sixteen-letters-"',
    ],
    ["a bad gateway", withWans("  a: { interface: x, gateway: 10.1 }"), "wans.a.gateway", "10.1"],
    ["a relative directory", `${ROUTER}directories: { state: x }`, "directories.state", '"x"'],
  ])("%s", (_, text, path, found) => {
    expect(router(text)).toMatchObject([{ path, found }]);
  });

  test("a device with two jobs", () => {
    expect(router(withWans("  a: { interface: x }\n  b: { interface: x }"))).toMatchObject([
      { path: "wans.b.interface", line: 5, found: '"x", which is wans.a.interface already' },
    ]);
    expect(router(withWans("  a: { interface: lan }"))).toMatchObject([
      { path: "wans.a.interface", line: 4, found: '"lan", which is lan.interfaces.0 already' },
    ]);
    expect(router(ROUTER.replace("[lan]", "[lan, lan]"))).toMatchObject([
      { path: "lan.interfaces.1", line: 4 },
    ]);
  });

  test("no WAN to use, or more than the kernel can", () => {
    const wans = (count: number): string =>
      withWans(
        Array.from({ length: count }, (_, index) => `  w${index}: { interface: w${index} }`).join("\n"),
      );
    expect(router(withWans("  a: { interface: x, role: off }"))).toMatchObject([{ path: "wans", line: 3 }]);
    expect(router("version: 1\nlan: { interfaces: [lan] }\nwans: {}")).toMatchObject([{ path: "wans" }]);
    expect(router(wans(8))).toEqual([]);
    expect(router(wans(9))).toMatchObject([{ found: "9 WANs that are not off" }]);
    expect(router(`${wans(8)}\n  spare: { interface: spare, role: off }`)).toEqual([]);
  });

  test.each([
    ["carriers: 8, maxCarriers: 7", "relay.maxCarriers", "7"],
    ["carriers: x, maxCarriers: 7", "relay.carriers", '"x"'],
    ["grace: 2 d", "relay.grace", '"2 d"'],
    ["drain: 1 ms", "relay.drain", '"1 ms"'],
    ["grace: soon", "relay.grace", '"soon"'],
  ])("relay: { %s }", (relay, path, found) => {
    expect(router(`${ROUTER}relay: { ${relay} }`)).toMatchObject([{ path, found }]);
  });

  test.each([
    ["interface: x, match: { driver: e1000e }", "match", "`match` beside `interface`"],
    ["match: {}", "match", "nothing to match by"],
    ["match: { mac: '03:00:00:00:00:01' }", "match.mac", '"03:00:00:00:00:01"'],
    ["interface: x, addressing: static", "addresses", "nothing"],
    ["interface: x, mtu: 1279, gateway: 'fe80::1'", "mtu", "1279"],
    ["interface: x, addressing: static, addresses: ['2001:db8::2/64'], mtu: 600", "mtu", "600"],
    ["interface: x, offloads: { warp: on }", "offloads.warp", 'the unknown key "warp"'],
    ["interface: x, check: { targets: [] }", "check.targets", "[]"],
    ["interface: x, check: { targets: [example.org] }", "check.targets.0", '"example.org"'],
    ["interface: x, check: { targets: ['192.0.2.1:53'] }", "check.targets.0", '"192.0.2.1:53"'],
    ["interface: x, check: { kind: tcp, targets: [192.0.2.1] }", "check.targets.0", '"192.0.2.1"'],
    [
      "interface: x, check: { kind: tcp, targets: ['example.org:443'] }",
      "check.targets.0",
      '"example.org:443"',
    ],
    ["interface: x, schedule: [{ from: '6:00', to: '08:00', role: backup }]", "schedule.0.from", '"6:00"'],
    ["interface: x, schedule: [{ from: '06:00', to: '24:01', role: backup }]", "schedule.0.to", '"24:01"'],
    ["interface: x, addresses: [192.0.2.2/24]", "addresses", '["192.0.2.2/24"]'],
    [
      "interface: x, addressing: static, addresses: [192.0.2.2/24], gateway: '2001:db8::1'",
      "gateway",
      '"2001:db8::1"',
    ],
  ])("a WAN with { %s }", (wan, path, found) => {
    expect(router(withWans(`  a: { ${wan} }`))).toMatchObject([{ path: `wans.a.${path}`, found }]);
  });

  test.each([
    ["addresses: [192.0.2.1/24], interfaces: [lan, lan2]", "addresses"],
    ["dhcp: { range: 192.0.2.9-192.0.2.5 }", "dhcp.range"],
    ["addresses: [192.0.2.1/24], dhcp: { range: 192.0.3.5-192.0.3.9 }", "dhcp.range"],
    [
      "dhcp: { range: 192.0.2.5-192.0.2.9, hosts: [{ mac: '02:00:00:00:00:0a', address: 192.0.2.1 }, { mac: '02:00:00:00:00:0A', address: 192.0.2.2 }] }",
      "dhcp.hosts.1.mac",
    ],
    [
      "addresses: [192.0.2.1/24], dhcp: { range: 192.0.2.5-192.0.2.9, hosts: [{ mac: '02:00:00:00:00:0a', address: 10.0.0.1 }] }",
      "dhcp.hosts.0.address",
    ],
  ])("a LAN with { %s }", (lan, path) => {
    const interfaces = lan.includes("interfaces") ? "" : "interfaces: [lan], ";
    const text = `version: 1\nlan: { ${interfaces}${lan} }\nwans: { a: { interface: x } }`;
    expect(router(text)).toMatchObject([{ path: `lan.${path}` }]);
  });

  test("networks and ports of a server", () => {
    expect(
      server(
        "version: 1\nlisten: { port: 70000, addresses: [here] }\negress:\n  allowPrivate:\n    - 10.1.2.3/16\n",
      ),
    ).toMatchObject([
      { path: "listen.port", line: 2, found: "70000" },
      { path: "listen.addresses.0", line: 2, found: '"here"' },
      { path: "egress.allowPrivate.0", line: 5, found: '"10.1.2.3/16"' },
    ]);
  });

  test("not YAML, a key twice, not a section at all", () => {
    expect(router("version: [1\n")[0]?.line).toBeGreaterThan(0);
    expect(router("version: 1\nversion: 1\n")).toMatchObject([{ line: 2 }]);
    expect(router("just words")).toMatchObject([{ path: "", line: 1, found: '"just words"' }]);
    expect(router("").map((problem) => problem.path)).toEqual(["version", "lan", "wans"]);
  });

  test("aliases that would blow up are refused, not expanded", () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
    for (const [from, to] of ["ab", "bc", "cd", "de"])
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join()}]`);
    expect(router(bomb.join("\n"))).toMatchObject([{ found: expect.stringContaining("alias") }]);
  });
});

describe("small parts", () => {
  test.each([
    ["10.1.0.0/16", true],
    ["0.0.0.0/0", true],
    ["fd00:1::/32", true],
    ["::/0", true],
    ["10.1.2.3/16", false],
    ["fd00::1/32", false],
    ["10.0.0.0/33", false],
    ["10.1/16", false],
    ["10.0.0.0", false],
    ["10.0.0.0/8/8", false],
    ["10.0.0.0/", false],
  ])("network %s: %s", (text, right) => {
    expect(isNetwork(text)).toBe(right);
  });

  test("a slip is recognised, another word is not", () => {
    expect(didYouMean("intrface", ["interface", "role"])).toBe("interface");
    expect(didYouMean("onfailure", ["carriers", "onFailure"])).toBe("onFailure");
    expect(didYouMean("colour", ["interface", "role"])).toBeUndefined();
  });
});

describe("reading a file", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sennit-config-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("of any size that a config can have", async () => {
    const file = join(directory, "config.yaml");
    const text = "é".repeat(1024 * 512);
    await writeFile(file, text);
    expect(await readText(file)).toBe(text);
    await appendFile(file, "x");
    await expect(readText(file)).rejects.toMatchObject({ code: "config-unreadable" });
  });

  test("ends, also where the file does not", async () => {
    await expect(readText("/dev/zero")).rejects.toMatchObject({
      causeClass: "config",
      code: "config-unreadable",
      message: expect.stringContaining("more than"),
    });
  });
});

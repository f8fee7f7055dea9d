import { describe, expect, test } from "vitest";
import { SennitError } from "../../base/errors.ts";
import type { Problem } from "../../config/problems.ts";
import { directionsSaid, isCable, settingsOf } from "./linksettings.ts";
import { builtInTopologies, loadTopology, parseTopology } from "./topology.ts";

function problemsOf(text: string): string[] {
  try {
    parseTopology(text, "test.yaml");
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "config-invalid") throw error;
    const problems = error.detail["problems"] as readonly Problem[];
    return problems.map(({ line, path, found }) => `${line} ${path}: ${found}`);
  }
  return [];
}

const PAIR = `version: 1
hosts:
  a: { interfaces: { x: [10.0.0.1/24] } }
  b: { interfaces: { x: [10.0.0.2/24] } }
links:
  l: { ends: [a:x, b:x] }
`;

describe("a right file", () => {
  test("what is not said gets its default", () => {
    const host = (first: string) => ({
      interfaces: { x: [{ family: 4, first, prefixLength: 24, count: 1 }] },
      routes: [],
      forwards: false,
      services: [],
    });
    expect(parseTopology(PAIR, "some/where/pair.yaml")).toEqual({
      name: "pair",
      version: 1,
      about: "",
      hosts: { a: host("10.0.0.1"), b: host("10.0.0.2") },
      links: {
        l: {
          ends: [
            { host: "a", device: "x" },
            { host: "b", device: "x" },
          ],
        },
      },
    });
  });

  test("a link of which nothing is said is a cable", () => {
    const link = (said: string) => {
      const { links } = parseTopology(PAIR.replace("b:x] }", `b:x]${said} }`), "t");
      if (links["l"] === undefined) throw new Error("no link");
      return links["l"];
    };
    expect(isCable(link(""))).toBe(true);
    expect(isCable(link(", up: {}"))).toBe(true);
    expect(isCable(link(", delay: 1 ms"))).toBe(false);
    expect(isCable(link(", down: { loss: 1 % }"))).toBe(false);
  });

  test("one direction's words go before those about both", () => {
    const { up, down } = directionsSaid({ rate: 1e6, delay: 5, up: { rate: 2e6 }, down: { delay: 7 } });
    expect(settingsOf(up)).toMatchObject({ rate: 2e6, delay: 5 });
    expect(settingsOf(down)).toMatchObject({ rate: 1e6, delay: 7 });
  });

  test.each([
    [{}, 65_536],
    [{ rate: 1e6 }, 65_536],
    [{ rate: 100e6 }, 1_250_000],
    [{ rate: 100e6, queue: 5000 }, 5000],
  ])("the queue of %j", (said, queue) => {
    expect(settingsOf(said).queue).toBe(queue);
  });

  test("all that is built in", async () => {
    expect(builtInTopologies()).toEqual(["cascade", "dhcp", "dual"]);
    for (const name of builtInTopologies()) {
      const { about, links } = await loadTopology(name);
      expect(about).not.toBe("");
      expect(Object.values(links).some((link) => !isCable(link))).toBe(true);
    }
  });
});

describe("a wrong file", () => {
  test("every problem at once, each with its line", () => {
    const text = `version: 1
hosts:
  a:
    interfaces: { x: [10.0.0.1/24 x 300], y: [10.0.0.5/24, 10.0.0.4/24 x 2] }
    nat: { outside: z, udp: 3 }
  b:
    interfaces: { x: [10.0.0.2/24], y: [10.1.0.1/24], z: [fd00::1/64] }
    nat: { outside: q }
    routes: [default via 9.9.9.9, foo]
    sevices: [web]
  c:
    interfaces: { x: [10.0.0.2/24, 10.0.0.1/24 x 3] }
    nat: { outside: w }
    routes: [default via 9.9.9.9]
  d:
    interfaces: { z: [fd00::1/64] }
    nat: { outside: z }
  No: { interfaces: {} }
links:
  l: { ends: [a:x, e:x], rate: 5 parsecs, delay: -1 }
  m: { ends: [b:q, b:x], loss: 200 % }
  n: { ends: [c:x, c:q] }
  o: { ends: [c:x, d:z], queue: 1 }
  p: { ends: [c:x, d:z] }
  r: { ends: [c:x] }
`;
    const found = problemsOf(text);
    expect(found).toEqual([
      '4 hosts.a.interfaces.x.0: "10.0.0.1/24 x 300"',
      "5 hosts.a.nat.udp: 3",
      '9 hosts.b.routes.1: "foo"',
      '10 hosts.b.sevices: the unknown key "sevices" (did you mean "services"?)',
      "12 hosts.c.interfaces.x: 10.0.0.2 twice",
      '13 hosts.c.nat.outside: "w"',
      "14 hosts.c.routes.0: the gateway 9.9.9.9",
      "17 hosts.d.nat.outside: z without an IPv4 address",
      '18 hosts.No: the name "No"',
      '20 links.l.rate: "5 parsecs"',
      "20 links.l.delay: -1",
      '21 links.m.loss: "200 %"',
      '22 links.n.ends.1: the interface "q" of c',
      "22 links.n.ends.1: c again",
      "23 links.o.queue: 1",
      "24 links.p.ends.0: c:x, where the link n ends",
      '25 links.r.ends: ["c:x"]',
    ]);
  });

  test("what is wrong with a NAT's kind, a link's middlebox, the WANs", () => {
    const text = `version: 1
hosts:
  a:
    interfaces: { x: [10.0.0.1/24], y: [10.0.1.1/24], z: [10.0.2.1/24] }
    nat: { outside: x, mapping: symmetric, filtering: address, ports: random, hairpin: maybe }
  b: { interfaces: { x: [10.0.0.2/24], y: [10.0.1.2/24], z: [10.0.2.2/24] } }
links:
  l: { ends: [a:x, b:x], burstLoss: 99 % in bursts of 2, reorder: 2 %, mtuBlackhole: 1500, blockUdp: 1 }
  m: { ends: [a:y, b:y], up: { rate: trace, burstLoss: often }, limit: 0, blockMpJoin: sometimes }
  n: { ends: [a:z, b:z] }
wans: [n, o]
`;
    expect(problemsOf(text)).toEqual([
      '5 hosts.a.nat.mapping: "symmetric"',
      '5 hosts.a.nat.filtering: "address"',
      '5 hosts.a.nat.ports: "random"',
      '5 hosts.a.nat.hairpin: "maybe"',
      "6 hosts.b.interfaces.x: an interface without a link",
      "6 hosts.b.interfaces.y: an interface without a link",
      '8 links.l.burstLoss: "99 % in bursts of 2"',
      '8 links.l.reorder: "2 %"',
      "8 links.l.mtuBlackhole: 1500",
      "8 links.l.blockUdp: 1",
      '9 links.m.blockMpJoin: "sometimes"',
      "9 links.m.limit: 0",
      '9 links.m.up.rate: "trace"',
      '9 links.m.up.burstLoss: "often"',
      '11 wans.0: "n", a plain cable',
      '11 wans.1: "o"',
    ]);
    expect(problemsOf(PAIR.replace("b:x] }", "b:x], delay: 1 ms }\nwans: [l, l]"))).toEqual([
      "7 wans.1: l again",
    ]);
    expect(problemsOf(`${PAIR}wans: [l]\n`)).toEqual(['7 wans: ["l"]', '7 wans.0: "l", a plain cable']);
  });

  test("a rate that follows a file that is not there, or is none", () => {
    const withRate = (file: string): string => PAIR.replace("b:x] }", `b:x], rate: trace ${file} }`);
    expect(() => parseTopology(withRate("/nonexistent"), "t")).toThrow(
      expect.objectContaining({ code: "config-unreadable" }),
    );
    expect(() => parseTopology(withRate(import.meta.filename), "t")).toThrow(
      /topology\.test\.ts: 5 problems/,
    );
  });

  test("an interface without a link, a link to nowhere", () => {
    expect(problemsOf(PAIR.replace("[10.0.0.2/24]", "[10.0.0.2/24], y: []"))).toEqual([
      "4 hosts.b.interfaces.y: an interface without a link",
    ]);
    expect(problemsOf(PAIR.replace("b:x", "c:x"))).toEqual([
      "4 hosts.b.interfaces.x: an interface without a link",
      '6 links.l.ends.1: the host "c"',
    ]);
  });

  test("a file that is none", () => {
    expect(problemsOf("")).toHaveLength(3);
    expect(problemsOf("[1, 2")).not.toHaveLength(0);
    expect(problemsOf("hosts: 5")).not.toHaveLength(0);
  });

  test("a file that is not there", async () => {
    await expect(loadTopology("/nonexistent.yaml")).rejects.toMatchObject({ code: "config-unreadable" });
  });
});

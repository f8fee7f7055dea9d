import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { parseRouterConfig } from "../config/router.ts";
import type { Question } from "../control/externalcheck.ts";
import { Rates } from "../control/rates.ts";
import type { Neighbour, NeighbourState } from "../linux/neighbours.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { EvidenceGatherer } from "./evidence.ts";

const config = parseRouterConfig(
  `version: 1
lan: { interfaces: [lan0] }
wans:
  fibre: { interface: eth1, check: { targets: [192.0.2.1, "2001:db8::1"] } }
  lte: { interface: wwan0, metered: true, check: { kind: tcp, targets: ["192.0.2.1:443"] } }
  dsl: { interface: ppp0 }`,
  "test",
);
const link = (name: string, index: number, address: string): Observations["links"][number] => ({
  name,
  index,
  kind: undefined,
  mtu: 1500,
  up: true,
  carrier: true,
  addresses: [
    { family: "inet", address, prefixLength: 24, scope: "global", secondary: false, preferred: true },
  ],
});
const observed = (fibre = "10.1.0.2"): Observations => ({
  links: [link("eth1", 3, fibre), link("wwan0", 4, "10.2.0.2"), link("ppp0", 5, "10.3.0.2")],
  defaultRoutes: [
    { family: "inet", type: "unicast", table: 254, destination: "default", device: "ppp0", protocol: 3 },
  ],
});
const intent: RouterIntent = {
  lan: ["lan0"],
  wans: [
    { name: "fibre", device: "eth1", role: "active", gateway: "10.1.0.1" },
    { name: "lte", device: "wwan0", role: "active", gateway: "10.2.0.1" },
    { name: "dsl", device: "ppp0", role: "active" },
  ],
  relayPorts: { inet: undefined, inet6: undefined },
  serverAddresses: [],
  onFailure: "open",
};

let clock: ManualClock;
let states: Map<string, NeighbourState>;
let solicited: Neighbour[];
let asked: Question[];
let answer: boolean | undefined;
let refuses: boolean;
let doubted: Set<string>;
let changes: number;
let evidence: EvidenceGatherer;

beforeEach(() => {
  clock = new ManualClock();
  [states, solicited, asked, answer, doubted, changes] = [new Map(), [], [], true, new Set(), 0];
  refuses = false;
  const unlessFull = <T>(result: T): T => {
    if (refuses) throw new SennitError("kernel", "ENOBUFS", "ask the neighbour: ENOBUFS");
    return result;
  };
  evidence = new EvidenceGatherer({
    config,
    neighbours: {
      state: ({ address }) => unlessFull(states.get(address) ?? "unknown"),
      ask: (neighbour) => void unlessFull(solicited.push(neighbour)),
    },
    ask: async (question) => {
      asked.push(question);
      return answer;
    },
    clock,
    doubted: (wan) => doubted.has(wan),
    onChange: () => changes++,
  });
  evidence.update({ intent, observed: observed(), rates: new Rates() });
  evidence.start();
});

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
/** So many seconds pass, with answers to whatever is asked. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    await settled();
  }
}

test("targets are asked from the WAN's own address and device, where it has the family", async () => {
  await pass(1);
  expect(asked).toEqual([
    { kind: "icmp", target: "192.0.2.1", localAddress: "10.1.0.2", device: "eth1", timeoutMs: 2000 },
    { kind: "tcp", target: "192.0.2.1:443", localAddress: "10.2.0.2", device: "wwan0", timeoutMs: 2000 },
  ]);
  expect(evidence.of("fibre").check).toEqual({ answered: true, what: "icmp 192.0.2.1" });
  expect(evidence.of("dsl")).toEqual({ gatewayAnswers: undefined, check: undefined });
  expect(changes).toBe(2);
});

test("a check that is not answered any more is told once it is sure", async () => {
  await pass(1);
  [answer, changes] = [false, 0];
  await pass(61);
  expect(changes).toBe(0);
  await pass(2);
  expect(evidence.of("fibre").check?.answered).toBe(false);
  expect(changes).toBe(1);
});

test("a metered WAN is asked seldom", async () => {
  await pass(600);
  const times = (device: string): number => asked.filter((one) => one.device === device).length;
  expect([times("eth1"), times("wwan0")]).toEqual([10, 2]);
});

test("gateways are asked only in doubt, and told of when they are silent", async () => {
  await pass(30);
  expect(solicited).toEqual([]);
  doubted.add("lte");
  await pass(1);
  expect(solicited).toEqual([{ index: 4, address: "10.2.0.1" }]);
  states.set("10.2.0.1", "silent");
  changes = 0;
  await pass(1);
  expect([evidence.of("lte").gatewayAnswers, evidence.of("fibre").gatewayAnswers]).toEqual([
    false,
    undefined,
  ]);
  expect(changes).toBe(1);
});

test("a kernel that refuses to tell of gateways is none that tells they are silent, and checks go on", async () => {
  refuses = true;
  doubted.add("lte");
  await pass(3);
  expect(solicited).not.toEqual([]);
  expect(evidence.of("lte").gatewayAnswers).toBeUndefined();
  expect(evidence.of("lte").check?.answered).toBe(true);
});

test("what was found over one address says nothing of another", async () => {
  answer = false;
  doubted.add("fibre");
  await pass(10);
  expect(evidence.of("fibre").check?.answered).toBe(false);
  evidence.update({ intent, observed: observed("10.1.0.77"), rates: new Rates() });
  answer = true;
  await pass(1);
  expect(evidence.of("fibre").check?.answered).toBe(true);
});

test("a WAN that cannot carry is asked nothing", async () => {
  evidence.update({ intent, observed: { links: [], defaultRoutes: [] }, rates: new Rates() });
  doubted.add("fibre");
  await pass(60);
  expect([asked, solicited]).toEqual([[], []]);
  expect(evidence.of("fibre")).toEqual({ gatewayAnswers: undefined, check: undefined });
});

import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { FakePlane } from "../../test/relay/fake-plane.ts";
import type { DataReport, WayReport } from "../control/messages.ts";
import { Rates } from "../control/rates.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { USUAL } from "../wan/thresholds.ts";
import { type WanChange, WanSupervisor } from "./wansupervisor.ts";

const device = (name: string, address: string): Observations["links"][number] => ({
  name,
  index: 1,
  kind: undefined,
  mtu: 1500,
  up: true,
  carrier: true,
  addresses: [
    { family: "inet", address, prefixLength: 24, scope: "global", secondary: false, preferred: true },
  ],
});
const intent: RouterIntent = {
  lan: ["lan0"],
  wans: [
    { name: "fibre", device: "eth1", role: "active", gateway: "10.1.0.1" },
    { name: "lte", device: "wwan0", role: "active", gateway: "10.2.0.1" },
  ],
  relayPorts: { inet: undefined, inet6: undefined },
  serverAddresses: [],
  onFailure: "open",
};
const observed: Observations = {
  links: [device("eth1", "10.1.0.2"), device("wwan0", "10.2.0.2")],
  defaultRoutes: [],
};
const way = (name: string, changes: Partial<WayReport> = {}): WayReport => ({
  way: name,
  health: "up",
  tcp: "up",
  probes: "up",
  heardMs: 5,
  unanswered: 0,
  loss: { probes: 10, lost: 0 },
  rttMs: 16,
  jitterMs: 1,
  ...changes,
});
const DEAD: Partial<WayReport> = { health: "dead", tcp: "dead", probes: "dead", heardMs: 250 };
/** Since when the server must be heard before a WAN's silence is its own (ms). */
const HEARD_MS = 2000;
const report = (...ways: readonly WayReport[]): DataReport => ({
  ...new FakePlane().report(),
  ways: [...ways],
});

let clock: ManualClock;
let asked: number;
let changes: WanChange[];
let wans: WanSupervisor;
const look = (now: DataReport | undefined): void =>
  wans.look({ intent, observed, report: now, rates: new Rates() });
const told = (): string[] => changes.splice(0).map(({ wan, now }) => `${wan} ${now.name}`);

beforeEach(() => {
  clock = new ManualClock();
  asked = 0;
  changes = [];
  wans = new WanSupervisor({
    limits: USUAL,
    clock,
    log: new MemoryLog(),
    ask: () => asked++,
    onChange: (news) => changes.push(...news),
  });
});

test("tells every change once, with the addresses it is about", () => {
  look(undefined);
  expect(told()).toEqual([]);
  look(report(way("fibre"), way("lte")));
  look(report(way("fibre"), way("lte")));
  expect(told()).toEqual(["fibre up", "lte up"]);
  clock.advance(HEARD_MS);
  look(report(way("fibre"), way("lte", DEAD)));
  expect(changes).toMatchObject([
    { wan: "lte", addresses: ["10.2.0.2"], before: { name: "up" }, now: { name: "down" } },
  ]);
  expect(wans.of("lte").reason).toBe("the server has not been heard over it for 0.3 s");
});

test("blames no WAN where the server is silent on all", () => {
  look(report(way("fibre"), way("lte")));
  told();
  look(report(way("fibre", DEAD), way("lte", DEAD)));
  expect(told()).toEqual(["fibre checking", "lte checking"]);
});

test("asks for news while a verdict is a few answers away, and not for ever", () => {
  const disputed = report(
    way("fibre"),
    way("lte", { health: "dead", tcp: "dead", loss: { probes: 240, lost: 160 }, unanswered: 3 }),
  );
  look(report(way("fibre"), way("lte")));
  for (let time = 0; time < 60_000; time += 50) {
    look(disputed);
    clock.advance(50);
  }
  expect(asked).toBe(100);
  expect(told()).not.toContain("lte down");
});

test("blames no WAN for being the last to hear the server again", () => {
  look(report(way("fibre"), way("lte")));
  look(report(way("fibre", DEAD), way("lte", DEAD)));
  told();
  look(report(way("fibre"), way("lte", DEAD)));
  expect(told()).toEqual(["fibre up"]);
  clock.advance(HEARD_MS);
  look(report(way("fibre"), way("lte", DEAD)));
  expect(told()).toEqual(["lte down"]);
});

test("asks nothing where there is no doubt", () => {
  look(report(way("fibre"), way("lte")));
  clock.advance(HEARD_MS);
  look(report(way("fibre"), way("lte", DEAD)));
  clock.advance(10_000);
  expect(asked).toBe(0);
});

test("forgets WANs that are not in the config any more", () => {
  look(report(way("fibre"), way("lte")));
  wans.look({ intent: { ...intent, wans: [] }, observed, report: undefined, rates: new Rates() });
  expect(wans.of("fibre").name).toBe("checking");
});

test("pauses a WAN without which all carry more, and has others used instead meanwhile", () => {
  const slow = way("lte", { rttMs: 200, loss: { probes: 200, lost: 20 } });
  const plane = new FakePlane();
  plane.flows = 1;
  const sessions = plane.report().sessions.map((session) => ({ ...session, bulk: 1 }));
  let bytesIn = 0;
  let told = 0;
  for (let second = 0; second < 130; second++) {
    bytesIn += (wans.leavesOut("lte") ? 95e6 : 80e6) / 8;
    look({ ...report(way("fibre"), slow), sessions, bytesIn });
    told += changes.splice(0).length;
    clock.advance(1000);
  }
  expect(wans.of("lte")).toMatchObject({
    name: "paused",
    reason: "with it, all together carry 15.0 Mbit/s less",
  });
  expect([wans.leavesOut("lte"), wans.leavesOut("fibre")]).toEqual([true, false]);
  expect(told).toBe(4);
});

import { describe, expect, test } from "vitest";
import { Rates } from "../control/rates.ts";
import { parseRouterConfig } from "../config/router.ts";
import type { Address, Link, Route } from "../linux/iproute.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { usablePaths } from "../netplan/paths.ts";
import type { WayFigures } from "../wan/figures.ts";
import { newWan, type WanState } from "../wan/supervisor.ts";
import { deviceTrouble, type WanFigures, wanIntents, wanOfAddress, wanStatus } from "./wans.ts";

const CONFIG = `
version: 1
lan:
  interfaces: [lan0]
wans:
  fibre: { interface: eth1 }
  lte:   { interface: wwan0, role: backup, gateway: 10.9.0.1 }
  spare: { interface: eth9, role: "off" }
`;

const address: Address = {
  family: "inet",
  address: "192.168.1.2",
  prefixLength: 24,
  scope: "global",
  secondary: false,
  preferred: true,
};
const link = (name: string, changes: Partial<Link> = {}): Link => ({
  name,
  index: 1,
  kind: undefined,
  mtu: 1500,
  up: true,
  carrier: true,
  addresses: [],
  ...changes,
});
const defaultRoute = (device: string, gateway: string): Route => ({
  family: "inet",
  type: "unicast",
  table: 254,
  destination: "default",
  gateway,
  device,
  protocol: 3,
});

const intent: RouterIntent = {
  lan: ["lan0"],
  wans: wanIntents(
    parseRouterConfig(CONFIG, "test.yaml"),
    new Map([
      ["fibre", "eth1"],
      ["lte", "wwan0"],
      ["spare", "eth9"],
    ]),
    new Map(),
  ),
  relayPorts: { inet: undefined, inet6: undefined },
  serverAddresses: [],
  onFailure: "open",
};
const ALL: Observations = {
  links: [
    link("eth1", { addresses: [address] }),
    link("wwan0", { addresses: [{ ...address, address: "10.9.0.2" }] }),
  ],
  defaultRoutes: [defaultRoute("eth1", "192.168.1.1")],
};

const UP: WanState = { ...newWan(400), name: "up", reason: "round trip 16 ms" };
const figures: WanFigures = {
  stateOf: () => UP,
  quotaOf: () => null,
  ways: [],
  counters: new Map(),
  rates: new Rates(),
};

const LTE: WayFigures = {
  health: "up",
  tcp: "up",
  probes: "up",
  heardMs: 20,
  unanswered: 0,
  loss: { probes: 240, lost: 160 },
  rttMs: 51,
  jitterMs: 3,
};

describe("WANs", () => {
  test("of the config are wished for in its order", () => {
    expect(intent.wans).toEqual([
      { name: "fibre", device: "eth1", role: "active", weight: 1 },
      { name: "lte", device: "wwan0", role: "backup", weight: 1, gateway: "10.9.0.1" },
      { name: "spare", device: "eth9", role: "off", weight: 1 },
    ]);
  });

  test("are shown with their state, addresses and gateways, learnt or configured", () => {
    const state = { name: "up", ageMs: 600 };
    expect(wanStatus(intent, ALL, figures, 1000)).toMatchObject([
      { name: "fibre", state, reason: UP.reason, addresses: ["192.168.1.2"], gateways: ["192.168.1.1"] },
      { name: "lte", state, reason: UP.reason, addresses: ["10.9.0.2"], gateways: ["10.9.0.1"] },
      { name: "spare", addresses: [], gateways: [] },
    ]);
  });

  test("are shown with what probes find, as far as there are any", () => {
    const lte = { way: "lte", ...LTE };
    expect(wanStatus(intent, ALL, { ...figures, ways: [lte] }, 1000)).toMatchObject([
      { name: "fibre", rttMs: null, jitterMs: null, lossPerMille: null },
      { name: "lte", rttMs: 51, jitterMs: 3, lossPerMille: 667 },
      { name: "spare", rttMs: null, jitterMs: null, lossPerMille: null },
    ]);
  });

  test.each<{ readonly is: string; readonly links: readonly Link[]; readonly routes?: readonly Route[] }>([
    { is: "absent", links: [] },
    { is: "switched-off", links: [link("eth1", { up: false, carrier: false })] },
    { is: "no-carrier", links: [link("eth1", { carrier: false, addresses: [address] })] },
    { is: "no-address", links: [link("eth1")] },
    { is: "no-address", links: [link("eth1", { addresses: [{ ...address, scope: "link" }] })] },
    { is: "no-gateway", links: [link("eth1", { addresses: [address] })], routes: [] },
  ])("lack one thing first: $is", ({ is, links, routes = ALL.defaultRoutes }) => {
    const [fibre] = intent.wans;
    if (fibre === undefined) throw new Error("no WAN");
    expect(deviceTrouble(fibre, intent, { links, defaultRoutes: routes })).toBe(is);
    expect(deviceTrouble(fibre, intent, ALL)).toBeUndefined();
  });

  test("are shown with bytes and rates as the LAN sees them", () => {
    const rates = new Rates();
    const counter = { bytesIn: 3000, bytesOut: 1000 };
    rates.update(0, [["eth1", { bytesIn: 0, bytesOut: 0 }]]);
    rates.update(1000, [["eth1", counter]]);
    const [fibre, lte] = wanStatus(
      intent,
      ALL,
      { ...figures, counters: new Map([["eth1", counter]]), rates },
      1000,
    );
    expect(fibre?.traffic).toEqual({ rate: { down: 24_000, up: 8000 }, bytes: { down: 3000, up: 1000 } });
    expect(lte?.traffic).toEqual({ rate: { down: 0, up: 0 }, bytes: { down: 0, up: 0 } });
  });

  test("are known by their address, while they have it", () => {
    const { paths } = usablePaths(intent, ALL);
    expect(wanOfAddress(paths, "10.9.0.2")).toBe("lte");
    expect(wanOfAddress(paths, "192.0.2.77")).toBeNull();
  });
});

import { describe, expect, test } from "vitest";
import { Ages } from "../control/ages.ts";
import { Rates } from "../control/rates.ts";
import { parseRouterConfig } from "../config/router.ts";
import type { Address, Link, Route } from "../linux/iproute.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { usablePaths } from "../netplan/paths.ts";
import { wanIntents, wanOfAddress, wanStatus } from "./wans.ts";

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
  wans: wanIntents(parseRouterConfig(CONFIG, "test.yaml")),
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

const status = (observed: Observations) =>
  wanStatus(intent, observed, new Map(), new Rates(), new Ages(), 1000);

describe("WANs", () => {
  test("of the config are wished for in its order", () => {
    expect(intent.wans).toEqual([
      { name: "fibre", device: "eth1", role: "active" },
      { name: "lte", device: "wwan0", role: "backup", gateway: "10.9.0.1" },
      { name: "spare", device: "eth9", role: "off" },
    ]);
  });

  test("are shown with addresses and gateways, learnt or configured", () => {
    expect(status(ALL)).toMatchObject([
      {
        name: "fibre",
        reason: null,
        addresses: ["192.168.1.2"],
        gateways: ["192.168.1.1"],
        state: { name: "up" },
      },
      { name: "lte", reason: null, addresses: ["10.9.0.2"], gateways: ["10.9.0.1"], state: { name: "up" } },
      { name: "spare", reason: "switched off in the config", addresses: [], state: { name: "down" } },
    ]);
  });

  test.each<{ readonly reason: string; readonly links: readonly Link[]; readonly routes?: readonly Route[] }>(
    [
      { reason: "there is no device eth1", links: [] },
      { reason: "the device is switched off", links: [link("eth1", { up: false, carrier: false })] },
      { reason: "no carrier", links: [link("eth1", { carrier: false, addresses: [address] })] },
      { reason: "no address", links: [link("eth1")] },
      { reason: "no address", links: [link("eth1", { addresses: [{ ...address, scope: "link" }] })] },
      { reason: "no gateway", links: [link("eth1", { addresses: [address] })], routes: [] },
    ],
  )("say what is missing first: $reason", ({ reason, links, routes = ALL.defaultRoutes }) => {
    expect(status({ links, defaultRoutes: routes })[0]).toMatchObject({
      reason: expect.stringContaining(reason),
      state: { name: "down" },
      addresses: [],
    });
  });

  test("are shown with bytes and rates as the LAN sees them", () => {
    const [rates, ages] = [new Rates(), new Ages()];
    const counter = { bytesIn: 3000, bytesOut: 1000 };
    rates.update(0, [["eth1", { bytesIn: 0, bytesOut: 0 }]]);
    rates.update(1000, [["eth1", counter]]);
    const [fibre, lte] = wanStatus(intent, ALL, new Map([["eth1", counter]]), rates, ages, 1000);
    expect(fibre?.traffic).toEqual({ rate: { down: 24_000, up: 8000 }, bytes: { down: 3000, up: 1000 } });
    expect(lte?.traffic).toEqual({ rate: { down: 0, up: 0 }, bytes: { down: 0, up: 0 } });
  });

  test("are known by their address, while they have it", () => {
    const { paths } = usablePaths(intent, ALL);
    expect(wanOfAddress(paths, "10.9.0.2")).toBe("lte");
    expect(wanOfAddress(paths, "192.0.2.77")).toBeNull();
  });
});

import { expect, test } from "vitest";
import { parseRouterConfig } from "../config/router.ts";
import type { Observations, WanIntent } from "../netplan/model.ts";
import type { WanLease } from "../store/wanleases.ts";
import { lanServices } from "./lan.ts";

const WANS: readonly WanIntent[] = [
  { name: "cable", device: "eth1", role: "active" },
  { name: "lte", device: "wwan0", role: "backup" },
  { name: "spare", device: "eth9", role: "off" },
];
const OBSERVED: Observations = {
  links: [
    {
      name: "lan0",
      index: 2,
      kind: undefined,
      up: true,
      carrier: true,
      mtu: 1500,
      addresses: [
        {
          family: "inet",
          address: "192.168.1.1",
          prefixLength: 24,
          scope: "global",
          secondary: false,
          preferred: true,
        },
      ],
    },
  ],
  defaultRoutes: [],
};
const LEASE: WanLease = {
  wan: "cable",
  device: "eth1",
  address: "10.1.0.50",
  prefixLength: 24,
  gateway: "10.1.0.1",
  dns: ["10.1.0.1", "10.1.0.2"],
  server: null,
  since: 0,
  until: null,
};

const services = (lan: string, ...leases: readonly WanLease[]) => {
  const text = `version: 1\nlan: { interfaces: [lan0], ${lan} }\nwans: { cable: { interface: eth1 } }`;
  return lanServices(parseRouterConfig(text, "test"), {
    wans: WANS,
    leases: new Map(leases.map((lease) => [lease.wan, lease])),
    observed: OBSERVED,
    leaseFile: "/leases",
  });
};

test("a resolver out there is asked over every WAN that is used, one in the LAN is asked there", () => {
  expect(services("dns: { upstream: [9.9.9.9, 192.168.1.5] }").dns?.upstream).toEqual([
    { address: "9.9.9.9", device: "eth1" },
    { address: "9.9.9.9", device: "wwan0" },
    { address: "192.168.1.5" },
  ]);
});

test("those of a lease are asked over its WAN, while that has its device", () => {
  expect(services("dns: {}", LEASE).dns?.upstream).toEqual([
    { address: "10.1.0.1", device: "eth1" },
    { address: "10.1.0.2", device: "eth1" },
  ]);
  expect(services("dns: {}", { ...LEASE, device: "eth5" }).dns?.upstream).toEqual([]);
  expect(services("dns: {}").dns?.upstream).toEqual([]);
});

test("addresses as the config says, in seconds", () => {
  expect(services('dhcp: { range: "192.168.1.100-192.168.1.150", lease: "2 min" }, ra: true')).toMatchObject({
    devices: ["lan0"],
    dhcp: { first: "192.168.1.100", last: "192.168.1.150", seconds: 120, hosts: [] },
    announce: true,
  });
});

import type { GoldenCase } from "./goldencase.ts";
import { VARIATIONS } from "./variations.ts";

const BOTH = { inet: 5000, inet6: 5001 } as const;
const SERVER = ["198.51.100.1", "2001:db8:5::1"] as const;

export const GOLDEN_CASES: readonly GoldenCase[] = [
  {
    name: "two-wans",
    devices: {
      lan0: ["192.168.1.1/24", "fd00:1::1/64"],
      fibre0: ["100.64.7.2/24", "2001:db8:1::2/64"],
      lte0: ["203.0.113.2/30"],
    },
    defaults: ["fibre0 via 100.64.7.1", "lte0 via 203.0.113.1", "fibre0 via fe80::1"],
    intent: {
      lan: ["lan0"],
      wans: [
        { name: "fibre", device: "fibre0", role: "active" },
        { name: "lte", device: "lte0", role: "backup" },
      ],
      relayPorts: BOTH,
      serverAddresses: ["198.51.100.1"],
      onFailure: "open",
    },
  },
  {
    name: "no-relay-and-one-cable-out",
    devices: { lan0: ["192.168.1.1/24"], fibre0: ["10.1.0.2/24"], lte0: ["10.2.0.2/24"] },
    unplugged: ["fibre0"],
    defaults: ["fibre0 via 10.1.0.1", "lte0 via 10.2.0.1"],
    intent: {
      lan: ["lan0"],
      wans: [
        { name: "fibre", device: "fibre0", role: "active" },
        { name: "lte", device: "lte0", role: "active" },
      ],
      relayPorts: { inet: undefined, inet6: undefined },
      serverAddresses: [],
      onFailure: "open",
    },
  },
  {
    name: "closed-two-lans-ppp-and-far-gateway",
    devices: {
      lan0: ["192.168.1.1/24"],
      lan1: ["192.168.2.1/24"],
      ppp0: ["203.0.113.7/32"],
      vps0: ["198.51.100.77/32"],
      old0: ["10.9.0.2/24"],
    },
    defaults: ["ppp0"],
    intent: {
      lan: ["lan0", "lan1"],
      wans: [
        { name: "dsl", device: "ppp0", role: "active" },
        { name: "cable", device: "vps0", role: "active", gateway: "192.0.2.1" },
        { name: "old", device: "old0", role: "off" },
      ],
      relayPorts: { inet: 5000, inet6: undefined },
      serverAddresses: ["198.51.100.1"],
      onFailure: "closed",
    },
  },
  {
    name: "twin-sticks",
    devices: { lan0: ["192.168.1.1/24"], stick0: ["192.168.8.100/24"], stick1: ["192.168.8.100/24"] },
    defaults: ["stick0 via 192.168.8.1", "stick1 via 192.168.8.1"],
    intent: {
      lan: ["lan0"],
      wans: [
        { name: "first", device: "stick0", role: "active" },
        { name: "second", device: "stick1", role: "active" },
      ],
      relayPorts: BOTH,
      serverAddresses: ["198.51.100.1"],
      onFailure: "open",
    },
  },
  {
    name: "twin-sticks-one-out",
    devices: { lan0: ["192.168.1.1/24"], stick0: ["192.168.8.100/24"], stick1: ["192.168.8.100/24"] },
    unplugged: ["stick0"],
    defaults: ["stick0 via 192.168.8.1", "stick1 via 192.168.8.1"],
    intent: {
      lan: ["lan0"],
      wans: [
        { name: "first", device: "stick0", role: "active" },
        { name: "second", device: "stick1", role: "active" },
      ],
      relayPorts: BOTH,
      serverAddresses: ["198.51.100.1"],
      onFailure: "open",
    },
  },
  {
    name: "ipv4-beside-ipv6",
    devices: {
      lan0: ["192.168.1.1/24", "fd00:1::1/64"],
      old0: ["10.1.0.2/24"],
      new0: ["2001:db8:1::2/64", "2001:db8:2::2/64"],
    },
    defaults: ["old0 via 10.1.0.1", "new0 via 2001:db8:1::1"],
    intent: {
      lan: ["lan0"],
      wans: [
        { name: "old", device: "old0", role: "active" },
        { name: "new", device: "new0", role: "active" },
      ],
      relayPorts: BOTH,
      serverAddresses: SERVER,
      onFailure: "open",
    },
  },
  {
    name: "dhcp-static-and-nothing-yet",
    devices: { lan0: [], cable0: [], dsl0: ["10.2.0.9/24"], vps0: [], lte0: [] },
    defaults: [],
    intent: {
      lan: ["lan0"],
      lanAddresses: [{ device: "lan0", address: "192.168.1.1/24" }],
      wans: [
        {
          name: "cable",
          device: "cable0",
          role: "active",
          gateway: "192.168.0.1",
          managed: {
            addresses: ["192.168.0.50/24"],
            announced: true,
          },
        },
        {
          name: "dsl",
          device: "dsl0",
          role: "backup",
          gateway: "10.2.0.1",
          managed: {
            addresses: ["10.2.0.2/24"],
            announced: false,
          },
          ttl: 65,
          link: { mtu: 1492, mac: "02:00:5e:10:00:07", offloads: { gro: "off" } },
        },
        {
          name: "vps",
          device: "vps0",
          role: "active",
          gateway: "192.0.2.1",
          managed: {
            addresses: ["198.51.100.77/32"],
            announced: false,
          },
        },
        {
          name: "lte",
          device: "lte0",
          role: "active",
          managed: {
            addresses: [],
            announced: true,
          },
        },
      ],
      relayPorts: BOTH,
      serverAddresses: ["198.51.100.1"],
      onFailure: "open",
    },
  },
  {
    name: "lease-in-the-network-of-the-lan",
    devices: { lan0: ["192.168.1.1/24"], cable0: [], lte0: ["10.2.0.2/24"] },
    defaults: ["lte0 via 10.2.0.1"],
    intent: {
      lan: ["lan0"],
      wans: [
        {
          name: "cable",
          device: "cable0",
          role: "active",
          gateway: "192.168.1.254",
          managed: {
            addresses: ["192.168.1.50/24"],
            announced: true,
          },
        },
        { name: "lte", device: "lte0", role: "active" },
      ],
      relayPorts: BOTH,
      serverAddresses: ["198.51.100.1"],
      onFailure: "open",
    },
  },
  ...VARIATIONS,
];

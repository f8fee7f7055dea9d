import type { RouterIntent, WanIntent } from "../../src/netplan/model.ts";
import type { GoldenCase } from "./goldencase.ts";

/* Routers that differ in one thing from a plain one: one LAN, active WANs, a relay for both families, fail-open. */

type Variation = Omit<GoldenCase, "devices" | "intent"> & {
  /** Beside `lan0`, which is 192.168.1.1/24 unless told. */
  readonly devices: GoldenCase["devices"];
  readonly wans: readonly WanIntent[];
  readonly also?: Partial<RouterIntent>;
};

const vary = ({ devices, wans, also, ...rest }: Variation): GoldenCase => ({
  ...rest,
  devices: { lan0: ["192.168.1.1/24"], ...devices },
  intent: {
    lan: ["lan0"],
    wans,
    relayPorts: { inet: 5000, inet6: 5001 },
    serverAddresses: ["198.51.100.1"],
    onFailure: "open",
    ...also,
  },
});

/** A WAN that is called as its device without the last digit. */
const wan = (device: string, more: Partial<WanIntent> = {}): WanIntent => ({
  name: device.replace(/\d$/, ""),
  device,
  role: "active",
  ...more,
});

const FIBRE = { fibre0: ["10.1.0.2/24"] };
const LTE = { lte0: ["10.2.0.2/24"] };
const SAT = { sat0: ["10.3.0.2/24"] };
const VIA = { fibre: "fibre0 via 10.1.0.1", lte: "lte0 via 10.2.0.1", sat: "sat0 via 10.3.0.1" } as const;

/** `count` WANs, the odd ones with IPv6 as well. */
function many(count: number): Variation {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const hasIpv6 = (n: number): boolean => n % 2 === 1;
  return {
    name: `wans-${count}`,
    devices: Object.fromEntries(
      numbers.map((n) => [`w${n}`, [`10.${n}.0.2/24`, ...(hasIpv6(n) ? [`2001:db8:${n}::2/64`] : [])]]),
    ),
    defaults: numbers.flatMap((n) => [
      `w${n} via 10.${n}.0.1`,
      ...(hasIpv6(n) ? [`w${n} via 2001:db8:${n}::1`] : []),
    ]),
    wans: numbers.map((n) => ({ name: `wan-${n}`, device: `w${n}`, role: "active" })),
  };
}

const COUNTS = [1, 3, 4, 5, 6, 7, 8].map(many);

const ADDRESSES: readonly Variation[] = [
  {
    name: "ipv6-alone",
    devices: { lan0: ["fd00:1::1/64"], fibre0: ["2001:db8:1::2/64"], lte0: ["2001:db8:2::2/64"] },
    defaults: ["fibre0 via fe80::1", "lte0 via fe80::1"],
    wans: [wan("fibre0"), wan("lte0")],
    also: { serverAddresses: ["2001:db8:5::1"] },
  },
  {
    name: "two-in-one-subnet",
    devices: { fibre0: ["10.1.0.2/24"], lte0: ["10.1.0.3/24"] },
    defaults: [VIA.fibre, "lte0 via 10.1.0.1"],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "two-in-one-subnet-with-a-gateway-each",
    devices: { fibre0: ["10.1.0.2/24"], lte0: ["10.1.0.3/24"] },
    defaults: [VIA.fibre, "lte0 via 10.1.0.254"],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "two-in-one-ipv6-subnet",
    devices: { fibre0: ["2001:db8:1::2/64"], lte0: ["2001:db8:1::3/64"] },
    defaults: ["fibre0 via 2001:db8:1::1", "lte0 via 2001:db8:1::1"],
    wans: [wan("fibre0"), wan("lte0")],
    also: { serverAddresses: ["2001:db8:5::1"] },
  },
  {
    name: "three-sticks-of-one-address",
    devices: Object.fromEntries([0, 1, 2].map((n) => [`stick${n}`, ["192.168.8.100/24"]])),
    defaults: [0, 1, 2].map((n) => `stick${n} via 192.168.8.1`),
    wans: [0, 1, 2].map((n) => wan(`stick${n}`, { name: `stick-${n}` })),
  },
  {
    name: "twins-in-ipv6",
    devices: { fibre0: ["2001:db8:1::2/64"], lte0: ["2001:db8:1::2/64"] },
    defaults: ["fibre0 via fe80::1", "lte0 via fe80::1"],
    wans: [wan("fibre0"), wan("lte0")],
    also: { serverAddresses: ["2001:db8:5::1"] },
  },
  {
    name: "a-wan-in-the-network-of-the-lan",
    devices: { fibre0: ["192.168.1.77/24"], ...LTE },
    defaults: ["fibre0 via 192.168.1.254", VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "a-wan-with-the-address-of-the-lan",
    devices: { fibre0: ["192.168.1.1/24"], ...LTE },
    defaults: ["fibre0 via 192.168.1.254", VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "a-wan-around-the-network-of-the-lan",
    devices: { fibre0: ["192.168.200.2/16"], ...LTE },
    defaults: ["fibre0 via 192.168.200.1", VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "a-lan-of-shared-addresses",
    devices: { lan0: ["100.64.1.1/24"], fibre0: ["100.64.7.2/24"] },
    defaults: ["fibre0 via 100.64.7.1"],
    wans: [wan("fibre0")],
  },
  {
    name: "a-server-in-the-network-of-a-wan",
    devices: { fibre0: ["198.51.100.77/24"], ...LTE },
    defaults: ["fibre0 via 198.51.100.254", VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "two-addresses-on-a-wan",
    devices: { fibre0: ["10.1.0.2/24", "10.1.5.2/24"], ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "no-address-yet",
    devices: { fibre0: [], ...LTE },
    defaults: [VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
];

const GATEWAYS: readonly Variation[] = [
  {
    name: "no-gateway-on-one",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "no-gateway-at-all",
    devices: { ...FIBRE, ...LTE },
    defaults: [],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "two-point-to-point",
    devices: { ppp0: ["203.0.113.7/32"], ppp1: ["203.0.113.99/32"] },
    defaults: ["ppp0", "ppp1"],
    wans: [wan("ppp0", { name: "first" }), wan("ppp1", { name: "second", role: "backup" })],
  },
  {
    name: "gateway-told-and-found",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { gateway: "10.1.0.254" }), wan("lte0")],
  },
  {
    name: "two-default-routes-on-a-wan",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, "fibre0 via 10.1.0.9", VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
  {
    name: "main-prefers-the-last",
    devices: { ...FIBRE, ...LTE, ...SAT },
    defaults: [VIA.sat, VIA.lte, VIA.fibre],
    wans: [wan("fibre0"), wan("lte0"), wan("sat0")],
  },
  {
    name: "vlans",
    devices: { lan0: [], "eth0.1": ["192.168.1.1/24"], "eth0.7": ["10.1.0.2/24"], "eth0.8": ["10.2.0.2/24"] },
    defaults: ["eth0.7 via 10.1.0.1", "eth0.8 via 10.2.0.1"],
    wans: [wan("eth0.7", { name: "seven" }), wan("eth0.8", { name: "eight" })],
    also: { lan: ["eth0.1"] },
  },
  {
    name: "all-cables-out",
    devices: { ...FIBRE, ...LTE },
    unplugged: ["fibre0", "lte0"],
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0"), wan("lte0")],
  },
];

const ROLES: readonly Variation[] = [
  {
    name: "backups-alone",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { role: "backup" }), wan("lte0", { role: "backup" })],
  },
  {
    name: "all-off",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { role: "off" }), wan("lte0", { role: "off" })],
  },
  {
    name: "one-off-in-both-families",
    devices: {
      lan0: ["192.168.1.1/24", "fd00:1::1/64"],
      fibre0: ["10.1.0.2/24", "2001:db8:1::2/64"],
      lte0: ["10.2.0.2/24", "2001:db8:2::2/64"],
    },
    // The network manager goes on preferring the one that is off.
    defaults: [VIA.lte, VIA.fibre, "lte0 via 2001:db8:2::1", "fibre0 via 2001:db8:1::1"],
    wans: [wan("fibre0"), wan("lte0", { role: "off" })],
  },
  {
    name: "weights",
    devices: { ...FIBRE, ...LTE, ...SAT },
    defaults: [VIA.fibre, VIA.lte, VIA.sat],
    wans: [wan("fibre0", { weight: 100 }), wan("lte0", { weight: 20 }), wan("sat0")],
  },
  {
    name: "weights-and-a-backup",
    devices: { ...FIBRE, ...LTE, ...SAT },
    defaults: [VIA.fibre, VIA.lte, VIA.sat],
    wans: [
      wan("fibre0", { weight: 3 }),
      wan("lte0", { weight: 2 }),
      wan("sat0", { role: "backup", weight: 50 }),
    ],
  },
  {
    name: "weights-in-ipv6",
    devices: { fibre0: ["2001:db8:1::2/64"], lte0: ["2001:db8:2::2/64"] },
    defaults: ["fibre0 via 2001:db8:1::1", "lte0 via 2001:db8:2::1"],
    wans: [wan("fibre0", { weight: 3 }), wan("lte0")],
    also: { serverAddresses: ["2001:db8:5::1"] },
  },
  {
    name: "one-is-said-not-to-carry",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { carries: false }), wan("lte0")],
  },
  {
    name: "all-are-said-not-to-carry",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { carries: false }), wan("lte0", { carries: false })],
  },
  {
    name: "only-the-backup-carries",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { carries: false }), wan("lte0", { role: "backup" })],
  },
];

const SETTINGS: readonly Variation[] = [
  {
    name: "closed-and-no-relay",
    devices: FIBRE,
    defaults: [VIA.fibre],
    wans: [wan("fibre0")],
    also: { relayPorts: { inet: undefined, inet6: undefined }, onFailure: "closed" },
  },
  {
    name: "relay-for-ipv6-alone",
    devices: { lan0: ["192.168.1.1/24", "fd00:1::1/64"], fibre0: ["10.1.0.2/24", "2001:db8:1::2/64"] },
    defaults: [VIA.fibre, "fibre0 via 2001:db8:1::1"],
    wans: [wan("fibre0")],
    also: { relayPorts: { inet: undefined, inet6: 5001 } },
  },
  {
    name: "server-not-known-yet",
    devices: FIBRE,
    defaults: [VIA.fibre],
    wans: [wan("fibre0")],
    also: { serverAddresses: [] },
  },
  {
    name: "hop-limits",
    devices: { ...FIBRE, ...LTE },
    defaults: [VIA.fibre, VIA.lte],
    wans: [wan("fibre0", { ttl: 64 }), wan("lte0", { ttl: 65 })],
  },
  {
    name: "addresses-for-two-lans",
    devices: { lan0: [], lan1: [], ...FIBRE },
    defaults: [VIA.fibre],
    wans: [wan("fibre0")],
    also: {
      lan: ["lan0", "lan1"],
      lanAddresses: [
        { device: "lan0", address: "192.168.1.1/24" },
        { device: "lan0", address: "fd00:1::1/64" },
        { device: "lan1", address: "192.168.2.1/24" },
      ],
    },
  },
  {
    name: "mptcp-as-told",
    devices: FIBRE,
    defaults: [VIA.fibre],
    wans: [wan("fibre0")],
    also: {
      mptcp: { checksum: true, staleLossCount: 4, blackholeTimeout: 3_600_000, scheduler: "default" },
    },
  },
];

export const VARIATIONS: readonly GoldenCase[] = [
  ...COUNTS,
  ...ADDRESSES,
  ...GATEWAYS,
  ...ROLES,
  ...SETTINGS,
].map(vary);

/** A router that is changed while it runs: what is said of `devices` and `defaults` is new, the rest stays. */
export interface GoldenChange {
  readonly name: string;
  readonly before: GoldenCase;
  readonly devices: GoldenCase["devices"];
  /** Those of a device whose addresses were taken away went with them. */
  readonly defaults: readonly string[];
  readonly wans?: readonly WanIntent[];
}

const TWO = vary({
  name: "two",
  devices: { ...FIBRE, ...LTE, ...SAT },
  defaults: [VIA.fibre, VIA.lte, VIA.sat],
  wans: [wan("fibre0"), wan("lte0")],
});

export const CHANGES: readonly GoldenChange[] = [
  {
    name: "another-address",
    before: TWO,
    devices: { fibre0: ["10.1.0.9/24"] },
    defaults: [VIA.fibre],
  },
  {
    name: "another-network",
    before: TWO,
    devices: { fibre0: ["10.9.0.2/24"] },
    defaults: ["fibre0 via 10.9.0.1"],
  },
  {
    name: "another-gateway",
    before: TWO,
    devices: { fibre0: ["10.1.0.2/24"] },
    defaults: ["fibre0 via 10.1.0.254"],
  },
  { name: "address-gone", before: TWO, devices: { fibre0: [] }, defaults: [] },
  {
    name: "ipv6-comes",
    before: TWO,
    devices: { fibre0: ["10.1.0.2/24", "2001:db8:1::2/64"] },
    defaults: [VIA.fibre, "fibre0 via 2001:db8:1::1"],
  },
  {
    name: "a-wan-more",
    before: TWO,
    devices: {},
    defaults: [],
    wans: [wan("fibre0"), wan("lte0"), wan("sat0")],
  },
  { name: "a-wan-less", before: TWO, devices: {}, defaults: [], wans: [wan("fibre0")] },
  {
    name: "switched-off",
    before: TWO,
    devices: {},
    defaults: [],
    wans: [wan("fibre0"), wan("lte0", { role: "off" })],
  },
  {
    name: "another-role-and-weight",
    before: TWO,
    devices: {},
    defaults: [],
    wans: [wan("fibre0", { weight: 5 }), wan("lte0", { role: "backup" })],
  },
];

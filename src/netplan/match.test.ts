import { expect, test } from "vitest";
import type { Link } from "../linux/iproute.ts";
import { matchDevice, type DeviceMatch } from "./match.ts";

const link = (name: string, facts: Partial<Link>): Link => ({
  name,
  index: 1,
  kind: undefined,
  up: true,
  carrier: true,
  mtu: 1500,
  addresses: [],
  ...facts,
});
const MAC = "8c:16:45:00:00:01";
const LINKS = [
  link("eth0", { driver: "e1000e", mac: MAC }),
  link("eth0.7", { driver: "vlan", mac: MAC, vlan: 7 }),
  link("usb0", { driver: "cdc_ether", mac: "02:1e:10:1f:00:00" }),
  link("usb1", { driver: "cdc_ether", mac: "02:1e:10:1f:00:00" }),
];

test.each<[string, DeviceMatch, string[], string | readonly string[]]>([
  ["by driver", { driver: "e1000e" }, [], "eth0"],
  ["by address, not the VLAN on it", { mac: MAC }, [], "eth0"],
  ["by VLAN", { vlan: 7 }, [], "eth0.7"],
  ["by VLAN and address", { vlan: 7, mac: MAC }, [], "eth0.7"],
  ["two that fit", { driver: "cdc_ether" }, [], ["usb0", "usb1"]],
  ["one that fits beside one that is taken", { driver: "cdc_ether" }, ["usb0"], "usb1"],
  ["none", { driver: "cdc_ether", mac: MAC }, [], []],
])("%s", (_, match, taken, expected) => {
  const found = matchDevice(match, LINKS, new Set(taken));
  expect(found.device ?? ("candidates" in found ? found.candidates : undefined)).toEqual(expected);
});

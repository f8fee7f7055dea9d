import { expect, test } from "vitest";
import { parseRouterConfig } from "../config/router.ts";
import type { Link } from "../linux/iproute.ts";
import { findDevices } from "./devices.ts";

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
const DRIVERS: Readonly<Record<string, string>> = { eth1: "e1000e", usb0: "cdc_ether", usb1: "cdc_ether" };
const LINKS = [
  link("eth1", { mac: "02:00:5e:10:00:01" }),
  link("usb0", { mac: "02:00:5e:10:00:02", permanentMac: "02:00:5e:10:00:99" }),
  link("usb1", { mac: "02:00:5e:10:00:03" }),
  link("eth1.7", { mac: "02:00:5e:10:00:01", vlan: 7 }),
];
const find = (wan: string, links: readonly Link[] = LINKS) => {
  const text = `version: 1\nlan: { interfaces: [lan0] }\nwans: { w: ${wan} }`;
  const { devices, problems } = findDevices(
    parseRouterConfig(text, "test").wans,
    links,
    (name) => DRIVERS[name],
  );
  return { device: devices.get("w"), problems: problems.map(({ code, message }) => `${code}: ${message}`) };
};

test.each([
  ["its name, there or not", "{ interface: eth9 }", "eth9"],
  ["its MAC, and not the VLAN on it", '{ match: { mac: "02:00:5e:10:00:01" } }', "eth1"],
  ["the MAC that it was made with", '{ match: { mac: "02:00:5e:10:00:99" } }', "usb0"],
  ["its driver", "{ match: { driver: e1000e } }", "eth1"],
  ["the VLAN", "{ match: { vlan: 7 } }", "eth1.7"],
  ["several things", '{ match: { driver: cdc_ether, mac: "02:00:5e:10:00:03" } }', "usb1"],
])("a WAN is known by %s", (_, wan, device) => {
  expect(find(wan)).toEqual({ device, problems: [] });
});

test.each([
  ["none fits", "{ match: { driver: wwan } }", "wan-no-match: WAN w: no device fits driver wwan"],
  [
    "several fit",
    "{ match: { driver: cdc_ether } }",
    "wan-many-match: WAN w: 2 devices fit driver cdc_ether: usb0, usb1; none is used",
  ],
  [
    "the MAC is another's now",
    '{ match: { mac: "02:00:5e:10:00:02" } }',
    "wan-no-match: WAN w: no device fits mac 02:00:5e:10:00:02",
  ],
])("where %s, there is none, and it is said", (_, wan, problem) => {
  expect(find(wan)).toEqual({ device: undefined, problems: [problem] });
});

test("a device that returns under another name is the same WAN's", () => {
  const renamed = [link("usb7", { mac: "02:00:5e:10:00:03" })];
  const wan = '{ match: { mac: "02:00:5e:10:00:03" } }';
  expect([find(wan).device, find(wan, []).device, find(wan, renamed).device]).toEqual([
    "usb1",
    undefined,
    "usb7",
  ]);
});

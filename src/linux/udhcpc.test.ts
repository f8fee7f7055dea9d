import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DHCP_EVENT_END, parseDhcpEvent } from "./udhcpc.ts";

const GOOD = {
  ip: "192.168.1.50",
  subnet: "255.255.255.0",
  router: "192.168.1.1",
  dns: "192.168.1.1 9.9.9.9",
  serverid: "192.168.1.1",
  lease: "3600",
};
/** As the event program tells it. */
const told = (values: Record<string, string | undefined>, event: string): string =>
  ["", ...Object.entries(values).map(([name, value]) => `${name}=${value}`), `event=${event}`].join("\0");
const said = (change: Record<string, string | undefined> = {}, event = "bound"): unknown => {
  const all = Object.entries({ ...GOOD, ...change }).filter(([, value]) => value !== undefined);
  return parseDhcpEvent(told(Object.fromEntries(all), event));
};
const OFFER = {
  address: "192.168.1.50",
  prefixLength: 24,
  gateway: "192.168.1.1",
  dns: ["192.168.1.1", "9.9.9.9"],
  server: "192.168.1.1",
  seconds: 3600,
};

test("a lease as it should be", () => {
  expect(said()).toEqual({ event: "bound", offer: OFFER });
  expect(said({}, "renew")).toEqual({ event: "renew", offer: OFFER });
});

test.each(["deconfig", "nak", "leasefail"])("%s", (event) => {
  expect(said({}, event)).toEqual({ event });
});

test.each([
  ["a gateway outside the network", { router: "10.0.0.1" }, { gateway: "10.0.0.1" }],
  ["no gateway", { router: undefined }, { gateway: undefined }],
  ["a gateway that is none, and one that is", { router: "0.0.0.0 192.168.1.2" }, { gateway: "192.168.1.2" }],
  ["itself as the gateway", { router: GOOD.ip }, { gateway: undefined }],
  ["a lone address", { subnet: "255.255.255.255" }, { prefixLength: 32 }],
  ["no mask", { subnet: undefined }, { prefixLength: 32 }],
  ["for ever", { lease: "4294967295" }, { seconds: undefined }],
  [
    "a hundred resolvers",
    { dns: Array.from({ length: 100 }, (_, index) => `10.0.0.${index + 1}`).join(" ") },
    { dns: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] },
  ],
  ["resolvers that are none", { dns: "0.0.0.0 255.255.255.255 x 127.0.0.1" }, { dns: [] }],
  [
    "classless routes, which count instead of the router",
    { staticroutes: "10.1.0.0/16 192.168.1.9 0.0.0.0/0 192.168.1.7" },
    { gateway: "192.168.1.7" },
  ],
  ["classless routes without a default", { staticroutes: "10.1.0.0/16 192.168.1.9" }, { gateway: undefined }],
])("%s", (_, change, expected) => {
  expect(said(change)).toEqual({ event: "bound", offer: { ...OFFER, ...expected } });
});

test.each([
  ["no address", { ip: undefined }, /address/],
  ["an address of a group", { ip: "224.0.0.1" }, /address/],
  ["its own address", { ip: "127.0.0.1" }, /address/],
  ["the address of nobody", { ip: "0.0.0.0" }, /address/],
  ["words for an address", { ip: "192.168.1.50; reboot" }, /address/],
  ["a mask with holes", { subnet: "255.0.255.0" }, /mask/],
  ["a mask of all", { subnet: "0.0.0.0" }, /mask/],
  ["no time", { lease: undefined }, /lease time/],
  ["no time at all", { lease: "0" }, /lease time/],
  ["a negative time", { lease: "-5" }, /lease time/],
])("%s is of no use", (_, change, why) => {
  expect(said(change)).toEqual({ event: "unusable", why: expect.stringMatching(why) });
});

test("what udhcpc itself says is passed over", () => {
  expect(parseDhcpEvent(`udhcpc: broadcasting discover\nip=10.0.0.1${told(GOOD, "bound")}`)).toEqual({
    event: "bound",
    offer: OFFER,
  });
});

test("an event that there is not is of no use", () => {
  expect(parseDhcpEvent(told(GOOD, "rebound"))).toMatchObject({ event: "unusable" });
  expect(parseDhcpEvent("")).toMatchObject({ event: "unusable" });
});

test("the event program tells all that it was given, as it is", () => {
  const given = { ip: "10.0.0.1", domain: '$(reboot) `reboot`\n"x', event: "deconfig" };
  const { stdout } = spawnSync("bin/udhcpc-event", ["bound"], {
    env: { ...given, PATH: process.env["PATH"] },
  });
  const text = stdout.toString();
  expect(text.endsWith(`\0event=bound${DHCP_EVENT_END}`)).toBe(true);
  for (const [name, value] of Object.entries(given)) expect(text).toContain(`\0${name}=${value}\0`);
});

test("whatever a server says, an offer is one that a device can have", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.ipV4(),
    fc.nat().map(String),
    fc.constantFrom("255.255.255.0", "0.0.0.0/0 10.0.0.1", "3600"),
  );
  const anything = fc.record({
    ip: text,
    subnet: text,
    router: text,
    dns: text,
    lease: text,
    staticroutes: text,
  });
  fc.assert(
    fc.property(anything, (values) => {
      const result = parseDhcpEvent(told(values, "bound"));
      if (result.event === "unusable") return;
      expect(result).toMatchObject({ offer: { address: expect.stringMatching(/^\d+(\.\d+){3}$/) } });
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseDhcpEvent(text)));
});

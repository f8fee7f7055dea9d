import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDnsmasqLeases, renderDnsmasq, type LanServices } from "./dnsmasq.ts";

const NOTHING: LanServices = { devices: ["lan0"], announce: false };

test("nothing to do is no file", () => {
  expect(renderDnsmasq(NOTHING)).toBeUndefined();
});

test("all that it can do for a LAN", () => {
  const text = renderDnsmasq({
    devices: ["lan0", "wifi0"],
    dhcp: {
      first: "192.168.1.100",
      last: "192.168.1.199",
      seconds: 43_200,
      hosts: [
        { mac: "02:00:5e:10:00:01", address: "192.168.1.9", name: "printer" },
        { mac: "02:00:5e:10:00:02", address: "192.168.1.10" },
      ],
      leaseFile: "/var/lib/sennit/router/lan.leases",
    },
    dns: {
      upstream: [
        { address: "9.9.9.9", device: "eth1" },
        { address: "9.9.9.9", device: "wwan0" },
        { address: "192.168.1.5" },
      ],
      domain: "home.arpa",
    },
    announce: true,
  });
  expect(text).toBe(`bind-dynamic
except-interface=lo
interface=lan0
interface=wifi0
no-hosts
cache-size=2000
dns-forward-max=300
domain-needed
bogus-priv
domain=home.arpa
local=/home.arpa/
expand-hosts
no-resolv
all-servers
server=9.9.9.9@eth1
server=9.9.9.9@wwan0
server=192.168.1.5
dhcp-authoritative
dhcp-leasefile=/var/lib/sennit/router/lan.leases
dhcp-range=192.168.1.100,192.168.1.199,43200s
dhcp-host=02:00:5e:10:00:01,192.168.1.9,printer
dhcp-host=02:00:5e:10:00:02,192.168.1.10
enable-ra
dhcp-range=::,constructor:lan0,ra-stateless
dhcp-range=::,constructor:wifi0,ra-stateless
`);
});

test("announcements alone: names are not answered", () => {
  expect(renderDnsmasq({ ...NOTHING, announce: true })).toBe(`bind-dynamic
except-interface=lo
interface=lan0
no-hosts
port=0
enable-ra
dhcp-range=::,constructor:lan0,ra-stateless
`);
});

test("names as the machine itself asks for them", () => {
  expect(renderDnsmasq({ ...NOTHING, dns: { upstream: [], domain: undefined } })).not.toMatch(
    /no-resolv|server=/,
  );
});

test("leases, and what is none", () => {
  const text = `1795411169 02:00:5e:10:00:01 192.168.1.100 laptop 01:02:00:5e:10:00:01
0 02:00:5E:10:00:02 192.168.1.10 * *
duid 00:01:00:01:2e:5f
1795411169 02:00:5e:10:00:03 192.168.1.101 two words *
1795411169 not-a-mac 192.168.1.102 x *
1795411169 02:00:5e:10:00:04 192.168.1.300 x *
1795411169 02:00:5e:10:00:05 192.168.1.1`;
  expect(parseDnsmasqLeases(text)).toEqual([
    { address: "192.168.1.100", mac: "02:00:5e:10:00:01", name: "laptop", until: 1_795_411_169_000 },
    { address: "192.168.1.10", mac: "02:00:5e:10:00:02", name: null, until: null },
  ]);
  fc.assert(fc.property(fc.string(), (any) => void parseDnsmasqLeases(any)));
});

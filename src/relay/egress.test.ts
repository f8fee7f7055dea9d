import { describe, expect, test } from "vitest";
import { EgressPolicy } from "./egress.ts";

const OWN = new Set(["203.0.113.10", "2001:db8::10"]);
const policy = new EgressPolicy([], () => OWN);
const objection = (address: string, port = 443): string | undefined => policy.objection({ address, port });

describe("the egress policy", () => {
  test.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "203.0.113.11",
    "223.255.255.255",
    "2001:db8::11",
    "2606:4700:4700::1111",
    "fbff::1",
    "fe00::1",
    "64:ff9b::101:101",
    "2002:101:101::1",
  ])("lets %s out", (address) => {
    expect(objection(address)).toBeUndefined();
  });

  test.each([
    ["0.0.0.0", "not an address"],
    ["10.0.0.1", "private"],
    ["10.255.255.255", "private"],
    ["100.64.0.0", "carrier's NAT"],
    ["100.100.100.200", "carrier's NAT"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["168.63.129.16", "metadata"],
    ["169.254.169.254", "metadata"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.0.0.192", "RFC 6890"],
    ["192.168.0.1", "private"],
    ["224.0.0.1", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "broadcast"],
    ["203.0.113.10", "own address"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::7f00:1", "IPv4-compatible"],
    ["2001:db8::10", "own address"],
    ["fc00::1", "private"],
    ["fd00:ec2::254", "private"],
    ["fe80::1", "link-local"],
    ["fec0::1", "site-local"],
    ["ff02::1", "multicast"],
    ["64:ff9b:1::a00:1", "NAT64"],
  ])("refuses %s: %s", (address, why) => {
    expect(objection(address) ?? "nothing").toContain(why);
  });

  test.each([
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:10.0.0.1", "private"],
    ["::ffff:203.0.113.10", "own address"],
    ["64:ff9b::7f00:1", "loopback"],
    ["64:ff9b::a9fe:a9fe", "metadata"],
    ["64:ff9b::cb00:710a", "own address"],
    ["2002:7f00:1::", "loopback"],
    ["2002:a00:1:1234::5678", "private"],
    ["2002:cb00:710a::1", "own address"],
  ])("refuses %s, which stands for an IPv4 address: %s", (address, why) => {
    expect(objection(address) ?? "nothing").toContain(why);
  });

  test("refuses port 0, also where the address is allowed", () => {
    expect(objection("1.1.1.1", 0)).toBe("no port");
  });

  describe("with exceptions", () => {
    const lenient = new EgressPolicy(
      ["192.168.5.0/24", "10.1.2.3", "fd00:5::/64", "fd00:6::1"],
      () => new Set(["192.168.5.1"]),
    );

    test.each([
      ["192.168.5.7", true],
      ["192.168.6.7", false],
      ["10.1.2.3", true],
      ["10.1.2.4", false],
      ["fd00:5::7", true],
      ["fd00:5:0:1::7", false],
      ["fd00:6::1", true],
      ["fd00:6::2", false],
      ["64:ff9b::c0a8:507", true],
      ["64:ff9b::c0a8:607", false],
      ["::ffff:192.168.5.7", true],
      ["127.0.0.1", false],
    ])("%s: %s", (address, allowed) => {
      expect(lenient.objection({ address, port: 80 }) === undefined).toBe(allowed);
    });
  });

  test("does not take an allowed network for leave to reach the server in it, but its very address for it", () => {
    const own = () => new Set(["10.0.0.1"]);
    const target = { address: "10.0.0.1", port: 22 };
    expect(new EgressPolicy(["10.0.0.0/8"], own).objection(target)).toBe("the server's own address");
    expect(
      new EgressPolicy(["10.0.0.0/8"], own).objection({ ...target, address: "10.0.0.2" }),
    ).toBeUndefined();
    expect(new EgressPolicy(["10.0.0.1/32"], own).objection(target)).toBeUndefined();
  });

  test("asks for the server's own addresses each time: they change", () => {
    const own = new Set<string>();
    const changing = new EgressPolicy([], () => own);
    const target = { address: "198.51.100.1", port: 80 };
    expect(changing.objection(target)).toBeUndefined();
    own.add("198.51.100.1");
    expect(changing.objection(target)).toBe("the server's own address");
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSockaddr, encodeSockaddr, formatEndpoint, normalEndpoint } from "./sockaddr.ts";

describe("sockaddr", () => {
  it("writes IPv4 as a v4-mapped address", () => {
    expect(encodeSockaddr({ address: "192.0.2.1", port: 443 }).toString("hex")).toBe(
      "0a0001bb0000000000000000000000000000ffffc000020100000000",
    );
  });

  it("reads sockaddr_in and sockaddr_in6", () => {
    expect(decodeSockaddr(Buffer.from("020001bbc00002010000000000000000", "hex"))).toEqual({
      address: "192.0.2.1",
      port: 443,
    });
    expect(decodeSockaddr(encodeSockaddr({ address: "2001:DB8:0::1", port: 1 }))).toEqual({
      address: "2001:db8::1",
      port: 1,
    });
  });

  it.each(["::ffff:192.0.2.1", "0:0:0:0:0:FFFF:c000:0201"])("takes %s for what it is: IPv4", (address) => {
    expect(normalEndpoint({ address, port: 1 })).toEqual({ address: "192.0.2.1", port: 1 });
  });

  it("gives back every endpoint it was given", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, fc.nat(0xffff), (text, port) => {
        const endpoint = normalEndpoint({ address: text, port });
        expect(decodeSockaddr(encodeSockaddr(endpoint))).toEqual(endpoint);
      }),
    );
    expect.hasAssertions();
  });

  it("reads arbitrary bytes as an endpoint or as none", () => {
    const family = fc.constantFrom([2, 0], [10, 0], [1, 0]);
    fc.assert(
      fc.property(family, fc.uint8Array({ maxLength: 40 }), fc.nat(9), (start, bytes, at) => {
        const endpoint = decodeSockaddr(Buffer.from([...start, ...bytes]), at);
        expect(endpoint && normalEndpoint(endpoint)).toEqual(endpoint);
      }),
    );
    expect.hasAssertions();
  });

  it("is shown with brackets where colons would confuse", () => {
    expect(formatEndpoint({ address: "192.0.2.1", port: 1 })).toBe("192.0.2.1:1");
    expect(formatEndpoint({ address: "2001:db8::1", port: 1 })).toBe("[2001:db8::1]:1");
  });
});

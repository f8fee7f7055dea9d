import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { mergePrefixes, networkOf } from "./prefix.ts";

const ipv4Prefix = fc
  .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => networkOf(address, length));
const ipv6Prefix = fc
  .tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }))
  .map(([address, length]) => networkOf(address, length));

const covers = (prefix: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address.match(ipaddr.parseCIDR(prefix));

test("a network has no host bits", () => {
  expect(networkOf("10.1.0.2", 24)).toBe("10.1.0.0/24");
  expect(networkOf("2001:db8:1::2", 64)).toBe("2001:db8:1::/64");
  expect(networkOf("203.0.113.7", 32)).toBe("203.0.113.7/32");
});

test("merged prefixes are in order, apart, and cover the same addresses", () => {
  const lists = fc.oneof(fc.array(ipv4Prefix, { maxLength: 12 }), fc.array(ipv6Prefix, { maxLength: 12 }));
  fc.assert(
    fc.property(lists, (prefixes) => {
      const merged = mergePrefixes(prefixes);
      for (const prefix of prefixes) {
        const [address, length] = ipaddr.parseCIDR(prefix);
        const keepers = merged.filter((kept) => covers(kept, address));
        expect(keepers).toHaveLength(1);
        expect(ipaddr.parseCIDR(keepers[0] ?? "")[1]).toBeLessThanOrEqual(length);
      }
      expect(merged.every((kept) => prefixes.includes(kept))).toBe(true);
      const bytes = merged.map((kept) => Buffer.from(ipaddr.parseCIDR(kept)[0].toByteArray()));
      for (const [index, next] of bytes.entries())
        if (index > 0) expect(Buffer.compare(bytes[index - 1] ?? next, next)).toBe(-1);
    }),
  );
});

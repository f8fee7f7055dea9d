import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatEndpoint, parseEndpoint } from "./endpoint.ts";

test("comes back as it was written", () => {
  const host = fc.oneof(
    // A token's length byte counts the port, too.
    fc.domain().filter(({ length }) => length < 250),
    fc.ipV4(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
      expect(parseEndpoint(formatEndpoint({ host: name, port }))).toEqual({ host: name, port });
    }),
  );
});

test.each([
  ["vpn.example.net:443", { host: "vpn.example.net", port: 443 }],
  ["localhost:1", { host: "localhost", port: 1 }],
  ["3com.example:1", { host: "3com.example", port: 1 }],
  ["192.0.2.1:1", { host: "192.0.2.1", port: 1 }],
  ["[2001:db8::1]:65535", { host: "2001:db8::1", port: 65_535 }],
  ["[::FFFF:192.0.2.1]:443", { host: "::FFFF:192.0.2.1", port: 443 }],
])("%s is understood", (text, expected) => expect(parseEndpoint(text)).toEqual(expected));

test.each([
  "",
  "host",
  "host:",
  ":443",
  "host:0",
  "host:65536",
  "host:443 ",
  "host:443\n",
  "host:4.3",
  "ho st:443",
  "ho_st:443",
  "-host:443",
  "host.:443",
  "a..b:443",
  `${"a".repeat(64)}:443`,
  `${"a.".repeat(127)}a:443`,
  "192.0.2:443",
  "192.0.2.256:443",
  "192.0.2.1.:443",
  "192.0.2.010:443",
  "2001:db8::1:443",
  "[2001:db8::1]",
  "[2001:db8::1]443",
  "[192.0.2.1]:443",
  "[host]:443",
  // A zone means something on one machine only.
  "[fe80::1%eth0]:443",
  "[::::]:443",
  "[1]:443",
  "[]:443",
])("%j is refused", (text) => {
  expect(() => parseEndpoint(text)).toThrow(
    expect.objectContaining({ code: "bad-endpoint", causeClass: "config" }),
  );
});

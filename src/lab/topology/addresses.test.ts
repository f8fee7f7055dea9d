import { describe, expect, test } from "vitest";
import { addressesOf, contains, nth, parseRange, parseRoute, rangeText } from "./addresses.ts";

const NO_RANGES =
  ", 192.0.2.1, 192.0.2.1/33, fd00::1/129, 192.0.2/24, 192.0.2.1/24 x 0, 192.0.2.1/24 x -1, 192.0.2.1/24 y 3, 192.0.2.250/24 x 7, 10.0.0.1/8 x 4097, host/24, 192.0.2.1/24 x 3 x 3".split(
    ", ",
  );
const NO_ROUTES =
  ", default, default via, default via host, 10.0.0.0 via 192.0.2.1, fd00::/8 via 192.0.2.1, default via 192.0.2.1 metric, default via 192.0.2.1 dev x; reboot, 10.0.0.0/8 x 2 via 192.0.2.1".split(
    ", ",
  );

describe("ranges", () => {
  test.each([
    ["192.0.2.1/24", ["192.0.2.1"]],
    ["10.0.0.254/16 x 3", ["10.0.0.254", "10.0.0.255", "10.0.1.0"]],
    ["fd00::fffe/64  x  3", ["fd00::fffe", "fd00::ffff", "fd00::1:0"]],
    ["2001:DB8:0::1/64", ["2001:db8::1"]],
  ])("%s", (text, addresses) => {
    const range = parseRange(text);
    expect(range && addressesOf(range)).toEqual(addresses);
    expect(range && parseRange(rangeText(range))).toEqual(range);
  });

  test.each(NO_RANGES)("not one: %j", (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  test("neighbours", () => {
    const range = parseRange("192.0.2.254/24");
    if (range === undefined) throw new Error("not parsed");
    expect(nth(range, 1)).toBe("192.0.2.255");
    expect(contains(range, nth(range, 1))).toBe(true);
    expect(contains(range, nth(range, 2))).toBe(false);
    expect(contains(range, "2001:db8::1")).toBe(false);
  });
});

describe("routes", () => {
  test.each([
    ["default via 192.0.2.1", { family: 4, destination: "default", gateway: "192.0.2.1", metric: undefined }],
    ["default  via fd00::1 metric 7", { family: 6, destination: "default", gateway: "fd00::1", metric: 7 }],
    ["10.0.0.0/8 via 192.0.2.1", { family: 4, destination: "10.0.0.0/8", gateway: "192.0.2.1" }],
  ])("%s", (text, route) => {
    expect(parseRoute(text)).toMatchObject(route);
  });

  test.each(NO_ROUTES)("not one: %j", (text) => {
    expect(parseRoute(text)).toBeUndefined();
  });
});

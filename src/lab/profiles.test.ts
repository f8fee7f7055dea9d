import { describe, expect, test } from "vitest";
import { linkChange, type LinkChange } from "./topology/linkschema.ts";
import { directionsSaid, settingsOf } from "./topology/linksettings.ts";
import { profileOf, profilePaths, PROFILES } from "./profiles.ts";

const settings = (change: LinkChange) => {
  const { up, down } = directionsSaid(linkChange.parse(change));
  return { up: settingsOf(up), down: settingsOf(down) };
};

describe("profiles", () => {
  test("are sixteen pairs, each like no other", () => {
    expect(Object.keys(PROFILES)).toHaveLength(16);
    for (const [name, [a, b]] of Object.entries(PROFILES)) {
      expect(profileOf(settings(a), settings(b))).toBe(name);
    }
  });

  test("act in each direction, and hold a thousand packets of any size", () => {
    const [, satellite] = profilePaths("lte_geo");
    const path = { rate: 20e6, delay: 320, jitter: 20, loss: 5, limit: 1000, queue: Infinity };
    expect(settings(satellite)).toMatchObject({ up: path, down: path });
  });

  test("are told from what is nearly one", () => {
    const [a, b] = profilePaths("baseline");
    expect(profileOf(settings(a), settings({ ...b, down: { delay: "21 ms" } }))).toBeUndefined();
    expect(profileOf(settings(a), settings({ ...b, blockUdp: true }))).toBeUndefined();
  });

  test.each(["", "base", "toString"])("not one: %j", (name) => {
    expect(() => profilePaths(name)).toThrow(expect.objectContaining({ code: "lab-bad-profile" }));
  });
});

import { expect, test } from "vitest";
import { RoleWatch } from "./rolewatch.ts";

test("tells of another role once, with the reason, and of none at the first look", () => {
  const watch = new RoleWatch();
  const off = { name: "lte", role: "off", roleWhy: "off by its schedule until 06:00" } as const;
  expect(watch.look([{ name: "lte", role: "active" }], 1)).toEqual([]);
  expect(watch.look([off], 2)).toMatchObject([
    { at: 2, code: "wan-role", wan: "lte", text: "WAN lte is off by its schedule until 06:00" },
  ]);
  expect(watch.look([{ ...off, roleWhy: "off by its schedule until Mon 06:00" }], 3)).toEqual([]);
  expect(watch.look([{ name: "lte", role: "active" }], 4)).toMatchObject([
    { text: "WAN lte is active again", fields: { was: "off", is: "active" } },
  ]);
});

import { expect, test } from "vitest";
import { Ages } from "./ages.ts";

test("a state ages until it changes, and begins anew when it comes back", () => {
  const ages = new Ages();
  expect(ages.of("wan", "up", 1000)).toEqual({ name: "up", ageMs: 0 });
  expect(ages.of("wan", "up", 1500)).toEqual({ name: "up", ageMs: 500 });
  expect(ages.of("wan", "down", 2000)).toEqual({ name: "down", ageMs: 0 });
  expect(ages.of("wan", "up", 2500)).toEqual({ name: "up", ageMs: 0 });
});

test("states of different things have nothing to do with each other", () => {
  const ages = new Ages();
  ages.of("fibre", "up", 0);
  ages.of("lte", "up", 700);
  expect(ages.of("fibre", "up", 1000).ageMs).toBe(1000);
  expect(ages.of("lte", "up", 1000).ageMs).toBe(300);
});

test("what is not kept is new when it comes back", () => {
  const ages = new Ages();
  ages.of("fibre", "up", 0);
  ages.of("lte", "up", 0);
  ages.retain(["lte"]);
  expect(ages.of("fibre", "up", 1000).ageMs).toBe(0);
  expect(ages.of("lte", "up", 1000).ageMs).toBe(1000);
});

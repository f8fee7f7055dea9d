import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateDir } from "./state-dir.ts";
import { MAX_VERSIONS, Versions } from "./versions.ts";

let path: string;
let versions: Versions;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), "sennit-test-"));
  versions = new Versions(await StateDir.open(path), () => 1234);
});
afterEach(() => rmSync(path, { recursive: true }));

test("what is added is there with its number, and the newest only once", async () => {
  expect(await versions.add("a", "start")).toBe(1);
  expect(await versions.add("b", "applied")).toBe(2);
  expect(await versions.add("b", "start")).toBe(2);
  expect(await versions.add("a", "restored")).toBe(3);
  expect(await versions.get(2)).toEqual({ number: 2, at: 1234, why: "applied", text: "b" });
  await expect(versions.get(4)).rejects.toMatchObject({ code: "no-version" });
});

test("the oldest goes, and its number is not given again", async () => {
  for (let index = 1; index <= MAX_VERSIONS + 3; index++) await versions.add(`text ${index}`, "applied");
  const numbers = await versions.numbers();
  expect(numbers).toHaveLength(MAX_VERSIONS);
  expect([numbers[0], numbers.at(-1)]).toEqual([4, MAX_VERSIONS + 3]);
  expect((await versions.all())[0]?.text).toBe("text 4");
});

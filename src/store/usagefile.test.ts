import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { UsageFile } from "./usagefile.ts";

const directory = mkdtempSync(join(tmpdir(), "sennit-usage-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("what was written can be read, however many WANs there were in its time", () => {
  const file = new UsageFile(directory);
  expect(file.read()).toEqual([]);
  const usages = Array.from({ length: 100 }, (_, index) => ({
    wan: `wan${index}`,
    since: "2026-11-01",
    rx: index,
    tx: 0,
    seen: null,
  }));
  file.write(usages);
  expect(file.read()).toEqual(usages.slice(0, 64));
});

test("what can't be read is kept, and nothing is there instead", () => {
  const file = new UsageFile(directory);
  const path = join(directory, "usage.json");
  writeFileSync(path, "{ half");
  expect(() => file.read()).toThrow(SyntaxError);
  const aside = file.setAside();
  expect(readFileSync(aside, "utf8")).toBe("{ half");
  expect(file.read()).toEqual([]);
});

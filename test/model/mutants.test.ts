import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MUTANTS, mutate } from "./mutants.ts";

describe("the source still has the place for the defect", () => {
  test.each(MUTANTS)("$name", (mutant) => {
    const source = readFileSync(mutant.file, "utf8");
    expect(mutate(source, mutant)).not.toBe(source);
  });
});

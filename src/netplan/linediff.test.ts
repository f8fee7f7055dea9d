import fc from "fast-check";
import { expect, test } from "vitest";
import { diffLines } from "./linediff.ts";

const show = (before: string, after: string): readonly string[] =>
  diffLines(before, after).map(({ sign, line }) => sign + line);

test("what stays, goes and comes", () => {
  expect(show("a\nb\nc\n", "a\nx\nc\nd\n")).toEqual([" a", "-b", "+x", " c", "+d"]);
  expect(show("", "a\n")).toEqual(["+a"]);
  expect(show("a\n", "")).toEqual(["-a"]);
});

test("what goes and stays is the one text, what stays and comes the other, and no less stays than can", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const changes = diffLines(before.join("\n"), after.join("\n"));
      const lines = (signs: string) =>
        changes.filter(({ sign }) => signs.includes(sign)).map(({ line }) => line);
      expect(lines(" -")).toEqual(before);
      expect(lines(" +")).toEqual(after);
      if (before.join() === after.join()) expect(lines("-+")).toEqual([]);
    }),
  );
});

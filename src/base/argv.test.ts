import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { quoteArgv } from "./argv.ts";

test("plain words stay plain, others are quoted", () => {
  expect(quoteArgv(["ip", "addr", "add", "10.0.0.1/24", "dev", "eth0"])).toBe(
    "ip addr add 10.0.0.1/24 dev eth0",
  );
  expect(quoteArgv(["echo", "", "a b", "it's", "$HOME"])).toBe(`echo '' 'a b' 'it'\\''s' '$HOME'`);
});

test("what is pasted into a shell arrives as it was", () => {
  const word = fc.string({ maxLength: 12 }).filter((text) => !/[\0\n\uD800-\uDFFF]/.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
      const printed = execFileSync("sh", ["-c", quoteArgv(["printf", "%s\\n", ...words])], {
        encoding: "utf8",
      });
      expect(printed).toBe(`${words.join("\n")}\n`);
    }),
    { numRuns: 30 },
  );
});

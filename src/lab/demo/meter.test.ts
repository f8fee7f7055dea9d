import { expect, test } from "vitest";
import { expectedSha256, seededBytes } from "../services/bytes.ts";
import { Meter } from "./meter.ts";

const LENGTH = 200_000;
const content = Buffer.concat([...seededBytes(LENGTH, "s")]);

test("a download that comes whole, in any pieces, has nothing wrong", () => {
  const meter = new Meter(LENGTH, "s", 100);
  meter.take(content.subarray(0, 70_001), 120);
  meter.take(content.subarray(70_001, 70_002), 124);
  meter.take(content.subarray(70_002), 600);
  expect(meter.result()).toEqual({
    bytes: LENGTH,
    ms: 500,
    longestStallMs: 470,
    bytesWrong: 0,
    sha256: expectedSha256(LENGTH, "s"),
  });
});

test("changed, missing and surplus bytes are counted one by one", () => {
  const changed = Buffer.from(content);
  changed[5] = (changed[5] ?? 0) ^ 1;
  changed[150_000] = (changed[150_000] ?? 0) ^ 0x80;
  const wrong = (...pieces: Buffer[]): number => {
    const meter = new Meter(LENGTH, "s", 0);
    for (const piece of pieces) meter.take(piece, 1);
    return meter.result().bytesWrong;
  };
  expect(wrong(changed)).toBe(2);
  expect(wrong(content.subarray(0, LENGTH - 7))).toBe(7);
  expect(wrong(content, Buffer.from("xyz"))).toBe(3);
});

import * as fc from "fast-check";
import { expect } from "vitest";
import { SennitError, type Cause } from "../../src/base/errors.ts";

/** One thing that is done to bytes. Places count modulo what is there. */
type Edit =
  | { readonly do: "set" | "insert"; readonly at: number; readonly byte: number }
  | { readonly do: "drop" | "repeat"; readonly at: number; readonly length: number }
  | { readonly do: "cut"; readonly at: number };

const at = fc.nat({ max: 100_000 });
/** Lengths and counts are what breaks decoders: their largest and smallest values come often. */
const byte = fc.oneof(fc.constantFrom(0, 1, 3, 0x7f, 0x80, 0xff), fc.nat({ max: 255 }));
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("set", "insert"), at, byte }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("drop", "repeat"), at, length: fc.nat({ max: 64 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut"), at }) },
);

/** One of these samples with some damage, or none at all. */
export function mangled(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 8 }))
    .map(([sample, edits]) => edits.reduce(apply, sample));
}

/** The same of text. */
export const mangledText = (samples: readonly string[]): fc.Arbitrary<string> =>
  mangled(samples.map((text) => Buffer.from(text))).map((bytes) => bytes.toString());

function apply(bytes: Buffer, edit: Edit): Buffer {
  const at = bytes.length === 0 ? 0 : edit.at % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (edit.do) {
    case "set":
      return Buffer.concat([before, Buffer.of(edit.byte), after.subarray(1)]);
    case "insert":
      return Buffer.concat([before, Buffer.of(edit.byte), after]);
    case "drop":
      return Buffer.concat([before, after.subarray(edit.length)]);
    case "repeat":
      return Buffer.concat([before, after.subarray(0, edit.length), after]);
    case "cut":
      return before;
  }
}

/** Calls it; whatever it throws must be a SennitError that blames the right one. Returns undefined if it threw. */
export function throwsOnly<T>(blamed: Cause, fn: () => T): T | undefined {
  try {
    return fn();
  } catch (error) {
    expect(error).toBeInstanceOf(SennitError);
    expect((error as SennitError).causeClass).toBe(blamed);
    return undefined;
  }
}

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_DATA_BYTES } from "../wire/constants.ts";
import { SendBuffer } from "./sendbuffer.ts";

const LIMIT = 1000;
/** More than any test sends. */
const WIDE = 1_000_000;

type Step =
  | { readonly kind: "push"; readonly length: number }
  | { readonly kind: "take"; readonly max: number }
  | { readonly kind: "ack"; readonly share: number; readonly window: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("push"), length: fc.nat({ max: 700 }) }),
  fc.record({ kind: fc.constant("take"), max: fc.integer({ min: 1, max: 500 }) }),
  fc.record({
    kind: fc.constant("ack"),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    window: fc.nat({ max: 3000 }),
  }),
);

/** The byte of the stream at an offset. */
const byteAt = (offset: number): number => (offset * 7 + (offset >> 8)) & 0xff;
const stream = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from }, (_, index) => byteAt(from + index)));

describe("a send buffer", () => {
  test("gives out the stream in order, never beyond the window, and keeps what is not acknowledged", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const buffer = new SendBuffer(LIMIT);
        let [base, next, end, limit] = [0, 0, 0, LIMIT];
        for (const one of steps) {
          if (one.kind === "push") {
            buffer.push(stream(end, end + one.length));
            end += one.length;
          } else if (one.kind === "take") {
            const range = buffer.take(one.max);
            const allowed = Math.min(one.max, end - next, limit - next);
            if (allowed <= 0) expect(range).toBeUndefined();
            else {
              expect(range?.offset).toBe(next);
              const length = range?.bytes.length ?? 0;
              expect(length).toBeGreaterThan(0);
              expect(length).toBeLessThanOrEqual(allowed);
              expect(range?.bytes.equals(stream(next, next + length))).toBe(true);
              next += length;
            }
          } else {
            const offset = Math.floor(one.share * next);
            buffer.ack(offset, one.window);
            base = Math.max(base, offset);
            limit = Math.max(limit, offset + one.window);
          }
          expect(buffer).toMatchObject({
            end,
            sent: next,
            held: end - base,
            unsent: end - next,
            sendable: Math.max(0, Math.min(end, limit) - next),
          });
        }
      }),
    );
  });

  test("takes a copy: what was pushed may change", () => {
    const buffer = new SendBuffer(WIDE);
    for (const size of [10, 20_000]) {
      const bytes = Buffer.alloc(size, 1);
      buffer.push(bytes);
      bytes.fill(2);
      expect(buffer.take(size)?.bytes).toEqual(Buffer.alloc(size, 1));
    }
  });

  test("puts bulk into pieces of the size of a full DATA frame, however it was written", () => {
    const buffer = new SendBuffer(WIDE);
    for (const size of [5000, 70_000, 1, 100_000]) buffer.push(Buffer.alloc(size));
    const sizes = [1, 2, 3, 4, 5].map(() => buffer.take(MAX_DATA_BYTES)?.bytes.length);
    expect(sizes).toEqual(sizes.map(() => MAX_DATA_BYTES));
  });

  test("an acknowledgement of what was never sent is the peer's fault", () => {
    const buffer = new SendBuffer(LIMIT);
    buffer.push(Buffer.alloc(10));
    buffer.take(5);
    expect(() => buffer.ack(6, 0)).toThrow(expect.objectContaining({ causeClass: "peer", code: "bad-ack" }));
    buffer.ack(5, 0);
  });

  test("a smaller window takes nothing back", () => {
    const buffer = new SendBuffer(100);
    buffer.push(Buffer.alloc(200));
    buffer.ack(0, 10);
    expect(buffer.sendable).toBe(100);
  });

  test("goes on filling a block of which all was sent, and begins anew where all was acknowledged", () => {
    const buffer = new SendBuffer(WIDE);
    const said = (byte: number): unknown => {
      buffer.push(Buffer.alloc(5000, byte));
      return buffer.take(MAX_DATA_BYTES);
    };
    expect(said(1)).toEqual({ offset: 0, bytes: Buffer.alloc(5000, 1) });
    expect(said(2)).toEqual({ offset: 5000, bytes: Buffer.alloc(5000, 2) });
    buffer.ack(10_000, WIDE);
    expect(said(3)).toEqual({ offset: 10_000, bytes: Buffer.alloc(5000, 3) });
    buffer.ack(12_000, WIDE);
    expect(said(4)).toEqual({ offset: 15_000, bytes: Buffer.alloc(5000, 4) });
  });

  test("uses the memory of what is acknowledged again", () => {
    const seen = new Set<ArrayBufferLike>();
    const buffer = new SendBuffer(WIDE);
    const round = (): void => {
      buffer.push(Buffer.alloc(MAX_DATA_BYTES));
      seen.add(buffer.take(MAX_DATA_BYTES)?.bytes.buffer ?? expect.fail("nothing to send"));
    };
    for (let sent = 1; sent <= 10; sent++) {
      round();
      buffer.ack(sent * MAX_DATA_BYTES, WIDE);
    }
    const few = seen.size;
    expect(few).toBeLessThan(3);
    round();
    buffer.clear();
    expect(buffer).toMatchObject({ held: 0, unsent: 0, sendable: 0 });
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../test/relay/garbage.ts";
import { SendBuffer } from "./sendbuffer.ts";

const LIMIT = 1000;

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
            next,
            unacked: next - base,
            unsent: end - next,
            sendable: Math.max(0, Math.min(end, limit) - next),
          });
        }
      }),
    );
  });

  test("a piece never reaches across two writes of the application, so nothing is copied", () => {
    const buffer = new SendBuffer(LIMIT);
    const [first, second] = [Buffer.alloc(10, 1), Buffer.alloc(10, 2)];
    buffer.push(first);
    buffer.push(second);
    expect(buffer.take(15)?.bytes.buffer).toBe(first.buffer);
    expect(buffer.take(15)).toMatchObject({ offset: 10, bytes: second });
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

  test("lets go of every write as soon as its last byte is acknowledged", async () => {
    const buffer = new SendBuffer(1_000_000);
    const gone: WeakRef<ArrayBufferLike>[] = [];
    for (let i = 0; i < 3; i++) {
      const bytes = Buffer.from(new ArrayBuffer(100_000));
      gone.push(new WeakRef(bytes.buffer));
      buffer.push(bytes);
      buffer.take(100_000);
    }
    buffer.ack(200_000, 0);
    await collectGarbage();
    expect(gone.map((one) => one.deref() !== undefined)).toEqual([false, false, true]);
    expect(buffer.unacked).toBe(100_000);
  });
});

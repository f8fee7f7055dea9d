import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReceiveBuffer } from "./receivebuffer.ts";

const LENGTH = 400;
const STREAM = Buffer.from(Array.from({ length: LENGTH }, (_, index) => index & 0xff));

/** Pieces of the stream in any order, any size, any number of times. */
const pieces = fc.array(
  fc.tuple(fc.nat({ max: LENGTH }), fc.nat({ max: 60 })).map(([from, length]) => ({
    from,
    to: Math.min(LENGTH, from + length),
  })),
  { maxLength: 60 },
);

/** Collects what is delivered, and checks that it is the stream so far. */
function collector(): { readonly deliver: (bytes: Buffer) => void; length: number } {
  const state = {
    length: 0,
    deliver: (bytes: Buffer): void => {
      expect(bytes.equals(STREAM.subarray(state.length, state.length + bytes.length))).toBe(true);
      state.length += bytes.length;
    },
  };
  return state;
}

describe("a receive buffer", () => {
  test("makes one stream of pieces that overlap, come twice or come early", () => {
    fc.assert(
      fc.property(pieces, (all) => {
        const buffer = new ReceiveBuffer(LENGTH);
        const out = collector();
        const seen = new Set<number>();
        for (const { from, to } of all) {
          buffer.insert(from, STREAM.subarray(from, to), out.deliver);
          for (let at = from; at < to; at++) seen.add(at);
          let inOrder = 0;
          while (seen.has(inOrder)) inOrder++;
          expect(out.length).toBe(inOrder);
          expect(buffer.next).toBe(inOrder);
          const early = seen.size - inOrder;
          expect(buffer.held).toBeGreaterThanOrEqual(early);
          expect(buffer.held === 0).toBe(early === 0);
        }
      }),
    );
  });

  test("ends when FIN and everything before it came, whichever was first", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
        const buffer = new ReceiveBuffer(LENGTH);
        const out = collector();
        for (const [index, piece] of order.entries()) {
          // Piece 4 is the FIN.
          if (piece === 4) buffer.fin(40);
          else buffer.insert(piece * 10, STREAM.subarray(piece * 10, piece * 10 + 10), out.deliver);
          expect(buffer.ended).toBe(index === 4);
        }
        expect(out.length).toBe(40);
      }),
    );
  });

  test("an empty stream ends by its FIN alone", () => {
    const buffer = new ReceiveBuffer(0);
    buffer.fin(0);
    expect(buffer.ended).toBe(true);
  });

  test.each([
    ["bytes beyond the window", "window-exceeded", (b: ReceiveBuffer) => insert(b, 95, 6)],
    ["bytes after FIN", "data-after-fin", (b: ReceiveBuffer) => (b.fin(20), insert(b, 15, 6))],
    ["a second FIN elsewhere", "bad-fin", (b: ReceiveBuffer) => (b.fin(20), b.fin(21))],
    ["FIN before delivered bytes", "bad-fin", (b: ReceiveBuffer) => (insert(b, 0, 10), b.fin(9))],
    ["FIN before early bytes", "bad-fin", (b: ReceiveBuffer) => (insert(b, 50, 10), b.fin(59))],
  ])("%s are the peer's fault", (_, code, act) => {
    const buffer = new ReceiveBuffer(100);
    expect(() => act(buffer)).toThrow(expect.objectContaining({ causeClass: "peer", code }));
  });

  test("the same FIN twice, and the last bytes again, are no fault", () => {
    const buffer = new ReceiveBuffer(100);
    insert(buffer, 0, 20);
    buffer.fin(20);
    buffer.fin(20);
    insert(buffer, 10, 10);
    expect(buffer.ended).toBe(true);
  });

  test("a window that was given is never taken back", () => {
    const buffer = new ReceiveBuffer(100);
    buffer.allow(50);
    expect(buffer.limit).toBe(100);
    buffer.allow(150);
    insert(buffer, 140, 10);
    expect(buffer.held).toBeGreaterThanOrEqual(10);
  });

  test("early pieces count with what each costs beside its bytes", () => {
    const buffer = new ReceiveBuffer(100_000);
    for (let piece = 0; piece < 1000; piece++) insert(buffer, 1 + 2 * piece, 1);
    expect(buffer.held).toBeGreaterThan(1000 * 400);
  });

  test("early pieces that follow each other cost little more than their bytes", () => {
    const buffer = new ReceiveBuffer(100_000);
    for (let at = 1; at <= 50_000; at++) insert(buffer, at, 1);
    expect(buffer.held).toBeLessThan(50_000 * 1.2);
    const out: Buffer[] = [];
    buffer.insert(0, Buffer.alloc(1), (bytes) => out.push(Buffer.from(bytes)));
    expect(Buffer.concat(out)).toHaveLength(50_001);
  });

  test("early pieces have a limit in number", () => {
    const buffer = new ReceiveBuffer(100_000);
    const scatter = (): void => {
      for (let piece = 0; piece < 5000; piece++) insert(buffer, 1 + 2 * piece, 1);
    };
    expect(scatter).toThrow(expect.objectContaining({ causeClass: "peer", code: "too-many-pieces" }));
    expect(buffer.held).toBeLessThanOrEqual(4097 * 421);
  });

  function insert(buffer: ReceiveBuffer, offset: number, length: number): void {
    buffer.insert(offset, Buffer.alloc(length), () => undefined);
  }
});

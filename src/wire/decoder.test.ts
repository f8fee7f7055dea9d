import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SennitError } from "../base/errors.ts";
import { anyData, anyFrame, bytes, cut } from "../../test/relay/arbitraries.ts";
import { FrameType, HEADER_BYTES, MAX_CONTROL_BYTES, MAX_DATA_BYTES } from "./constants.ts";
import { FrameDecoder, type FrameSink } from "./decoder.ts";
import { encodeFrame, writeHeader, type Frame } from "./frames.ts";
import { dataHeader } from "../../test/relay/dataheader.ts";

interface Data {
  readonly flow: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Notes what comes, and joins the pieces of one DATA frame again. */
class Notes implements FrameSink {
  readonly seen: (Data | Frame)[] = [];
  calls = 0;

  data(flow: number, offset: number, piece: Buffer): void {
    this.calls++;
    const last = this.seen.at(-1);
    if (
      last !== undefined &&
      "bytes" in last &&
      last.flow === flow &&
      last.offset + last.bytes.length === offset
    ) {
      this.seen[this.seen.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, piece]) };
    } else this.seen.push({ flow, offset, bytes: Buffer.from(piece) });
  }

  frame(frame: Frame): void {
    this.calls++;
    this.seen.push(frame);
  }
}

const encode = (item: Data | Frame): Buffer =>
  "kind" in item
    ? encodeFrame(item)
    : Buffer.concat([dataHeader(item.flow, item.offset, item.bytes.length), item.bytes]);

function header(type: number, length: number, flow: number, offset = 0): Buffer {
  const out = Buffer.alloc(HEADER_BYTES);
  writeHeader(out, 0, type, 0, length, flow, offset);
  return out;
}

function failure(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

const places = fc.array(fc.nat({ max: 200_000 }), { maxLength: 30 });

describe("the frame decoder", () => {
  test("reads any frames, cut anywhere, as if uncut", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyFrame, anyData), { maxLength: 12 }), places, (items, where) => {
        const whole = Buffer.concat(items.map(encode));
        const [uncut, pieces] = [new Notes(), new Notes()];
        new FrameDecoder().push(whole, uncut);
        const decoder = new FrameDecoder();
        for (const piece of cut(whole, where)) decoder.push(piece, pieces);
        expect(pieces.seen).toEqual(uncut.seen);
        expect(decoder.idle).toBe(true);
        const bytesOf = (seen: readonly (Data | Frame)[]): Buffer => Buffer.concat(seen.map(encode));
        const sent = items.filter((item) => "kind" in item || item.bytes.length > 0);
        const frames = (all: readonly (Data | Frame)[]): unknown[] => all.filter((one) => "kind" in one);
        expect(frames(uncut.seen)).toEqual(frames(sent));
        const data = (all: readonly (Data | Frame)[]): Buffer =>
          Buffer.concat(all.map((one) => ("kind" in one ? Buffer.alloc(0) : one.bytes)));
        expect(data(uncut.seen).equals(data(sent))).toBe(true);
        expect(bytesOf(uncut.seen).length).toBeLessThanOrEqual(whole.length);
      }),
    );
  });

  test("reads frames byte by byte", () => {
    const items = [
      { kind: "ping", nonce: 5 } as const,
      { flow: 3, offset: 100, bytes: Buffer.from("hello") },
      { kind: "fin", flow: 3, offset: 105 } as const,
    ];
    const notes = new Notes();
    const decoder = new FrameDecoder();
    for (const byte of Buffer.concat(items.map(encode))) decoder.push(Buffer.of(byte), notes);
    expect(notes.seen).toEqual(items);
  });

  test("throws nothing but a peer's error on any bytes, and is silent after it", () => {
    fc.assert(
      fc.property(bytes(4000), places, (garbage, where) => {
        const notes = new Notes();
        const decoder = new FrameDecoder();
        let callsAtFailure: number | undefined;
        for (const piece of cut(garbage, where)) {
          const error = failure(() => decoder.push(piece, notes));
          if (error !== undefined) {
            expect(error).toBeInstanceOf(SennitError);
            expect((error as SennitError).causeClass).toBe("peer");
            callsAtFailure ??= notes.calls;
          } else expect(callsAtFailure).toBeUndefined();
        }
        if (callsAtFailure !== undefined) expect(notes.calls).toBe(callsAtFailure);
      }),
      { numRuns: 500 },
    );
  });

  test("fails where uncut bytes fail, with the same error, when valid frames are followed by broken ones", () => {
    const broken = fc.constantFrom(
      header(0x7f, 0, 0),
      header(FrameType.DATA, MAX_DATA_BYTES + 1, 1),
      header(FrameType.DATA, 1, 0),
      header(FrameType.OPENED, 0, 1),
      header(FrameType.PING, 0, 3),
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyFrame, anyData), { maxLength: 5 }),
        broken,
        places,
        (items, end, where) => {
          const whole = Buffer.concat([...items.map(encode), end]);
          const notes = new Notes();
          const decoder = new FrameDecoder();
          const uncut = failure(() => new FrameDecoder().push(whole, new Notes()));
          const errors = cut(whole, where).flatMap(
            (piece) => failure(() => decoder.push(piece, notes)) ?? [],
          );
          expect(errors.map((error) => (error as SennitError).code)[0]).toBe((uncut as SennitError).code);
          expect(notes.seen.filter((one) => "kind" in one)).toEqual(items.filter((one) => "kind" in one));
        },
      ),
    );
  });

  test.each([
    ["an unknown type", header(0x7f, 0, 0), "unknown-frame"],
    ["type 0", header(0, 0, 0), "unknown-frame"],
    ["a type reserved for keys", header(0x20, 4, 1), "unknown-frame"],
    ["a type reserved for verdicts", header(0x21, 4, 0), "unknown-frame"],
    ["DATA one byte too long", header(FrameType.DATA, MAX_DATA_BYTES + 1, 1), "oversize-frame"],
    ["HELLO one byte too long", header(FrameType.HELLO, MAX_CONTROL_BYTES + 1, 0), "oversize-frame"],
    ["DATA of flow 0", header(FrameType.DATA, 1, 0), "malformed"],
    ["DATA that ends beyond 2^53", header(FrameType.DATA, 2, 1, 2 ** 53 - 1), "malformed"],
  ])("refuses %s by its header alone", (_, bytesOfHeader, code) => {
    const error = failure(() => new FrameDecoder().push(bytesOfHeader, new Notes()));
    expect(error).toMatchObject({ causeClass: "peer", code });
  });

  test("takes the longest bodies", () => {
    const notes = new Notes();
    const items = [
      { flow: 1, offset: 0, bytes: Buffer.alloc(MAX_DATA_BYTES, 1) },
      { kind: "hello", body: Buffer.alloc(MAX_CONTROL_BYTES, 2) } as const,
    ];
    new FrameDecoder().push(Buffer.concat(items.map(encode)), notes);
    expect(notes.seen).toEqual(items);
  });

  test("an empty DATA frame says nothing", () => {
    const notes = new Notes();
    const decoder = new FrameDecoder();
    decoder.push(header(FrameType.DATA, 0, 1, 7), notes);
    expect(notes.calls).toBe(0);
    expect(decoder.idle).toBe(true);
  });

  test("is idle only between frames", () => {
    const whole = encode({ kind: "opened", flow: 1, window: 1 });
    for (let length = 0; length <= whole.length; length++) {
      const decoder = new FrameDecoder();
      decoder.push(whole.subarray(0, length), new Notes());
      expect(decoder.idle).toBe(length === 0 || length === whole.length);
    }
  });

  test("what a frame holds outlives the bytes that follow", () => {
    const notes = new Notes();
    const decoder = new FrameDecoder();
    decoder.push(encode({ kind: "hello", body: Buffer.from("first") }), notes);
    decoder.push(encode({ kind: "hello", body: Buffer.from("other") }), notes);
    expect(notes.seen[0]).toEqual({ kind: "hello", body: Buffer.from("first") });
  });
});

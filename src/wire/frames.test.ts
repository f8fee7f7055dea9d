import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HEADER_BYTES, Refusal, ResetReason, TrafficClass, Verdict } from "./constants.ts";
import { decodeFrame, encodeFrame, readHeader, type Frame } from "./frames.ts";
import { anyFrame } from "../../test/relay/arbitraries.ts";

const decode = (bytes: Buffer): Frame => decodeFrame(readHeader(bytes, 0), bytes.subarray(HEADER_BYTES));

describe("frames", () => {
  test("come back from the wire as they were sent", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decode(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  test("have a header of 16 bytes with the length of what follows", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const bytes = encodeFrame(frame);
        expect(readHeader(bytes, 0).length).toBe(bytes.length - HEADER_BYTES);
      }),
    );
  });

  test.each<{ readonly name: string; readonly hex: string; readonly frame: Frame }>([
    {
      name: "OPEN",
      hex: "1000000c 00000001 0000000000000000 00010000 00 04 c0000201 01bb",
      frame: {
        kind: "open",
        flow: 1,
        window: 65_536,
        cls: TrafficClass.DEFAULT,
        target: { address: "192.0.2.1", port: 443 },
      },
    },
    {
      name: "ACK with the FIN flag, an offset beyond 2^32",
      hex: "14010004 00000007 0000000100000002 00800000",
      frame: { kind: "ack", flow: 7, offset: 0x1_0000_0002, window: 8_388_608, fin: true },
    },
    {
      name: "REFUSED",
      hex: "12000001 00000003 0000000000000000 02",
      frame: { kind: "refused", flow: 3, reason: Refusal.HOST_UNREACHABLE },
    },
    {
      name: "RESET",
      hex: "16000001 00000003 0000000000000000 04",
      frame: { kind: "reset", flow: 3, reason: ResetReason.EXPIRED },
    },
    {
      name: "LOST",
      hex: "07000000 00000000 0000000000000007",
      frame: { kind: "lost", carrier: 7 },
    },
    {
      name: "VERDICT",
      hex: "08000002 00000000 0000000000000003 0702",
      frame: { kind: "verdict", carrier: 3, addressId: 7, verdict: Verdict.DEAD },
    },
    {
      name: "PING",
      hex: "04000000 00000000 00000000000003e8",
      frame: { kind: "ping", nonce: 1000 },
    },
  ])("$name has the bytes of the protocol", ({ hex, frame }) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect(encodeFrame(frame).toString("hex")).toBe(bytes.toString("hex"));
    expect(decode(bytes)).toEqual(frame);
  });

  test("a v4-mapped target is the IPv4 address it stands for", () => {
    const mapped = Buffer.from(`1000001800000001${"00".repeat(8)}0001000000`, "hex");
    const address = Buffer.from(`06${"00".repeat(10)}ffff7f00000101bb`, "hex");
    expect(decode(Buffer.concat([mapped, address]))).toMatchObject({
      target: { address: "127.0.0.1", port: 443 },
    });
  });

  test("an unknown class is default traffic", () => {
    const bytes = Buffer.from("1000000c00000001000000000000000000010000c804c000020101bb", "hex");
    expect(decode(bytes)).toMatchObject({ cls: TrafficClass.DEFAULT });
  });

  test.each([
    ["a frame of a flow for the carrier", "1500000000000000 0000000000000000", "malformed"],
    ["a frame of the carrier for a flow", "0400000000000001 0000000000000000", "malformed"],
    ["OPENED that ends in the middle", "1100000200000001 0000000000000000 0001", "truncated"],
    ["RESET without a reason", "1600000000000001 0000000000000000", "truncated"],
    ["FIN with a body", "1500000100000001 0000000000000000 00", "malformed"],
    [
      "a target of an unknown family",
      "1000000c00000001 0000000000000000 00010000 00 05 c0000201 01bb",
      "malformed",
    ],
    ["a target of half an address", "1000000800000001 0000000000000000 00010000 00 06 c000", "truncated"],
  ])("%s is refused", (_, hex, code) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ causeClass: "peer", code }));
  });

  test("an offset that a double cannot hold is refused, the last one below it is not", () => {
    const header = (offset: bigint): Buffer => {
      const bytes = Buffer.from(`15000000000000010000000000000000`, "hex");
      bytes.writeBigUInt64BE(offset, 8);
      return bytes;
    };
    expect(decode(header(2n ** 53n - 1n))).toEqual({ kind: "fin", flow: 1, offset: 2 ** 53 - 1 });
    expect(() => decode(header(2n ** 53n))).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

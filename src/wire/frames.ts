import {
  ACK_FIN,
  CARRIER_FLOW,
  FrameType,
  HEADER_BYTES,
  type Refusal,
  type ResetReason,
  type TrafficClass,
  type Verdict,
} from "./constants.ts";
import { PROBE_KEY_BYTES } from "./probe.ts";
import { decodeTarget, encodeTarget, type Target } from "./address.ts";
import { malformed, readOffset, Reader, writeOffset } from "./bytes.ts";

/** A frame about a flow or the carrier, decoded. DATA is not among them: its bytes are handed on as they come. */
export type Frame =
  | { readonly kind: "hello" | "welcome" | "reject"; readonly body: Buffer }
  | { readonly kind: "ping" | "pong"; readonly nonce: number }
  | { readonly kind: "goaway" }
  /** The sender opens no more flows in this session, and another process of its side takes new ones. */
  | { readonly kind: "leaving" }
  /** The carrier with this number is given up: what was said on it and not acknowledged is to be said again. */
  | { readonly kind: "lost"; readonly carrier: number }
  | {
      readonly kind: "verdict";
      /** Number of the carrier whose subflow is meant: any carrier of the session may tell. */
      readonly carrier: number;
      /** The dialling side's name for that subflow's address (RFC 8684 section 3.2). */
      readonly addressId: number;
      readonly verdict: Verdict;
    }
  /** What the dialling side's probes are to be authentic by. */
  | { readonly kind: "probe-key"; readonly key: Buffer }
  | {
      readonly kind: "open";
      readonly flow: number;
      readonly window: number;
      readonly cls: TrafficClass;
      readonly target: Target;
    }
  | { readonly kind: "opened"; readonly flow: number; readonly window: number }
  | { readonly kind: "refused"; readonly flow: number; readonly reason: Refusal }
  | {
      readonly kind: "ack";
      readonly flow: number;
      readonly offset: number;
      readonly window: number;
      readonly fin: boolean;
    }
  | { readonly kind: "fin"; readonly flow: number; readonly offset: number }
  | { readonly kind: "reset"; readonly flow: number; readonly reason: ResetReason };

/** Frames about what is under the carriers. */
export type PathFrame = Extract<Frame, { kind: "verdict" | "probe-key" }>;

/** Type of a frame that this version knows, as its header says it. */
export interface Header {
  readonly type: number;
  readonly flags: number;
  readonly length: number;
  readonly flow: number;
  readonly offset: number;
}

/** Writes a header's 16 bytes at `at`. */
export function writeHeader(
  out: Buffer,
  at: number,
  type: number,
  flags: number,
  length: number,
  flow: number,
  offset: number,
): void {
  out.writeUInt8(type, at);
  out.writeUInt8(flags, at + 1);
  out.writeUInt16BE(length, at + 2);
  out.writeUInt32BE(flow, at + 4);
  writeOffset(out, offset, at + 8);
}

function frame(type: number, flags: number, flow: number, offset: number, body?: Buffer): Buffer {
  const length = body?.length ?? 0;
  const out = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(out, 0, type, flags, length, flow, offset);
  body?.copy(out, HEADER_BYTES);
  return out;
}

function u32(...values: number[]): Buffer {
  const out = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, index) => out.writeUInt32BE(value, 4 * index));
  return out;
}

/** A frame as bytes. The inverse of `decodeFrame`. */
export function encodeFrame(f: Frame): Buffer {
  switch (f.kind) {
    case "hello":
      return frame(FrameType.HELLO, 0, CARRIER_FLOW, 0, f.body);
    case "welcome":
      return frame(FrameType.WELCOME, 0, CARRIER_FLOW, 0, f.body);
    case "reject":
      return frame(FrameType.REJECT, 0, CARRIER_FLOW, 0, f.body);
    case "ping":
      return frame(FrameType.PING, 0, CARRIER_FLOW, f.nonce);
    case "pong":
      return frame(FrameType.PONG, 0, CARRIER_FLOW, f.nonce);
    case "goaway":
      return frame(FrameType.GOAWAY, 0, CARRIER_FLOW, 0);
    case "leaving":
      return frame(FrameType.LEAVING, 0, CARRIER_FLOW, 0);
    case "verdict":
      return frame(FrameType.VERDICT, 0, CARRIER_FLOW, f.carrier, Buffer.of(f.addressId, f.verdict));
    case "lost":
      return frame(FrameType.LOST, 0, CARRIER_FLOW, f.carrier);
    case "probe-key":
      return frame(FrameType.PROBE_KEY, 0, CARRIER_FLOW, 0, f.key);
    case "open":
      return frame(
        FrameType.OPEN,
        0,
        f.flow,
        0,
        Buffer.concat([u32(f.window), Buffer.of(f.cls), encodeTarget(f.target)]),
      );
    case "opened":
      return frame(FrameType.OPENED, 0, f.flow, 0, u32(f.window));
    case "refused":
      return frame(FrameType.REFUSED, 0, f.flow, 0, Buffer.of(f.reason));
    case "ack":
      return frame(FrameType.ACK, f.fin ? ACK_FIN : 0, f.flow, f.offset, u32(f.window));
    case "fin":
      return frame(FrameType.FIN, 0, f.flow, f.offset);
    case "reset":
      return frame(FrameType.RESET, 0, f.flow, 0, Buffer.of(f.reason));
  }
}

/** A complete frame from its header and body. Throws what `malformed` makes; never anything else. */
export function decodeFrame(header: Header, body: Buffer): Frame {
  const { type, flow, offset, flags } = header;
  const forCarrier = type < FrameType.OPEN;
  if (forCarrier !== (flow === CARRIER_FLOW)) {
    throw malformed("malformed", `frame type ${type} cannot belong to flow ${flow}`);
  }
  const reader = new Reader(body, `frame type ${type}`);
  const decoded = decodeBody(type, flags, flow, offset, reader);
  reader.end();
  return decoded;
}

function decodeBody(type: number, flags: number, flow: number, offset: number, reader: Reader): Frame {
  switch (type) {
    case FrameType.HELLO:
      return { kind: "hello", body: reader.rest() };
    case FrameType.WELCOME:
      return { kind: "welcome", body: reader.rest() };
    case FrameType.REJECT:
      return { kind: "reject", body: reader.rest() };
    case FrameType.PING:
      return { kind: "ping", nonce: offset };
    case FrameType.PONG:
      return { kind: "pong", nonce: offset };
    case FrameType.GOAWAY:
      return { kind: "goaway" };
    case FrameType.LEAVING:
      return { kind: "leaving" };
    case FrameType.VERDICT:
      return {
        kind: "verdict",
        carrier: offset,
        addressId: reader.u8(),
        // A receiver heeds those it knows.
        verdict: reader.u8() as Verdict,
      };
    case FrameType.LOST:
      return { kind: "lost", carrier: offset };
    case FrameType.PROBE_KEY:
      return { kind: "probe-key", key: Buffer.from(reader.take(PROBE_KEY_BYTES)) };
    case FrameType.OPEN:
      return {
        kind: "open",
        flow,
        window: reader.u32(),
        // An unknown class is a newer peer's refinement: treat it as default traffic.
        cls: classOf(reader.u8()),
        target: decodeTarget(reader),
      };
    case FrameType.OPENED:
      return { kind: "opened", flow, window: reader.u32() };
    case FrameType.REFUSED:
      return { kind: "refused", flow, reason: reader.u8() as Refusal };
    case FrameType.ACK:
      return { kind: "ack", flow, offset, window: reader.u32(), fin: (flags & ACK_FIN) !== 0 };
    case FrameType.FIN:
      return { kind: "fin", flow, offset };
    case FrameType.RESET:
      return { kind: "reset", flow, reason: reader.u8() as ResetReason };
    default:
      throw malformed("unknown-frame", `unknown frame type ${type}`);
  }
}

function classOf(value: number): TrafficClass {
  return value <= 3 ? (value as TrafficClass) : 0;
}

/** Reads the header at `at`, which must have its 16 bytes. Throws on an offset beyond 2^53. */
export function readHeader(bytes: Buffer, at: number): Header {
  const offset = readOffset(bytes, at + 8);
  if (Number.isNaN(offset)) throw malformed("malformed", "offset beyond 2^53");
  return {
    type: bytes.readUInt8(at),
    flags: bytes.readUInt8(at + 1),
    length: bytes.readUInt16BE(at + 2),
    flow: bytes.readUInt32BE(at + 4),
    offset,
  };
}

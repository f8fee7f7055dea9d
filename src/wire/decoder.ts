import { CARRIER_FLOW, FrameType, HEADER_BYTES, MAX_CONTROL_BYTES, MAX_DATA_BYTES } from "./constants.ts";
import { decodeFrame, readHeader, type Frame, type Header } from "./frames.ts";
import { malformed } from "./bytes.ts";

export interface FrameSink {
  /** Bytes of a flow, as many as are there: a DATA frame may come in several pieces, each with its own offset. */
  data(flow: number, offset: number, bytes: Buffer): void;
  frame(frame: Frame): void;
}

const KNOWN = new Set<number>(Object.values(FrameType));

/**
 * Cuts a carrier's byte stream into frames. DATA bodies are handed on as views of the incoming chunk, without waiting
 * for their end and without a copy; only headers and small bodies that straddle chunks are gathered.
 *
 * Throws a SennitError of class `peer` (codes `unknown-frame`, `oversize-frame`, `malformed`, `truncated`) on bytes
 * that no peer of this version sends; the carrier is then to be closed, and the decoder refuses to go on.
 */
export class FrameDecoder {
  /** A header or a small body that has not fully come yet. */
  readonly #partial = Buffer.allocUnsafe(HEADER_BYTES + MAX_CONTROL_BYTES);
  #have = 0;
  #header: Header | undefined;
  /** Of the current DATA frame: bytes still to come and the offset of the next. */
  #dataLeft = 0;
  #dataOffset = 0;
  #failed = false;

  /** True between two frames: the only place where a stream may rightly end. */
  get idle(): boolean {
    return this.#header === undefined && this.#have === 0;
  }

  push(chunk: Buffer, sink: FrameSink): void {
    if (this.#failed) throw malformed("malformed", "bytes after a broken frame");
    try {
      this.#push(chunk, sink);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  #push(chunk: Buffer, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length) {
      const header = this.#header;
      if (header === undefined) at = this.#takeHeader(chunk, at);
      else if (header.type === FrameType.DATA) at = this.#takeData(header, chunk, at, sink);
      else at = this.#takeBody(header, chunk, at);
      this.#finishFrame(sink);
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    if (this.#have === 0 && chunk.length - at >= HEADER_BYTES) {
      this.#begin(readHeader(chunk, at));
      return at + HEADER_BYTES;
    }
    const next = this.#gather(chunk, at, HEADER_BYTES);
    if (this.#have === HEADER_BYTES) {
      this.#have = 0;
      this.#begin(readHeader(this.#partial, 0));
    }
    return next;
  }

  #begin(header: Header): void {
    const { type, length, flow } = header;
    if (!KNOWN.has(type)) throw malformed("unknown-frame", `unknown frame type ${type}`);
    const limit = type === FrameType.DATA ? MAX_DATA_BYTES : MAX_CONTROL_BYTES;
    if (length > limit)
      throw malformed("oversize-frame", `frame type ${type} with ${length} bytes, allowed are ${limit}`);
    if (type === FrameType.DATA) {
      if (flow === CARRIER_FLOW) throw malformed("malformed", "DATA for flow 0");
      if (!Number.isSafeInteger(header.offset + length)) throw malformed("malformed", "DATA beyond 2^53");
      this.#dataLeft = length;
      this.#dataOffset = header.offset;
    }
    this.#header = header;
  }

  #takeData(header: Header, chunk: Buffer, at: number, sink: FrameSink): number {
    const end = Math.min(chunk.length, at + this.#dataLeft);
    const offset = this.#dataOffset;
    this.#dataLeft -= end - at;
    this.#dataOffset += end - at;
    sink.data(header.flow, offset, chunk.subarray(at, end));
    return end;
  }

  #takeBody(header: Header, chunk: Buffer, at: number): number {
    return this.#gather(chunk, at, header.length);
  }

  /** Moves bytes into `#partial` until it holds `want`. */
  #gather(chunk: Buffer, at: number, want: number): number {
    const end = Math.min(chunk.length, at + want - this.#have);
    chunk.copy(this.#partial, this.#have, at, end);
    this.#have += end - at;
    return end;
  }

  #finishFrame(sink: FrameSink): void {
    const header = this.#header;
    if (header === undefined) return;
    if (header.type === FrameType.DATA) {
      if (this.#dataLeft === 0) this.#header = undefined;
      return;
    }
    if (this.#have < header.length) return;
    // A copy: what a frame holds outlives the next one.
    const body = Buffer.from(this.#partial.subarray(0, header.length));
    this.#have = 0;
    this.#header = undefined;
    sink.frame(decodeFrame(header, body));
  }
}

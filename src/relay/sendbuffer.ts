import { malformed } from "../wire/bytes.ts";
import { MAX_DATA_BYTES } from "../wire/constants.ts";
import { BufferPool } from "./bufferpool.ts";

/** A piece of the stream to put into a DATA frame: a view, not a copy. */
export interface Range {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Compact the chunk list when this many acknowledged chunks stand at its front. */
const COMPACT_AFTER = 64;
/** Bulk is kept in blocks of this size: each goes out as one DATA frame of full size. */
const BLOCK_BYTES = MAX_DATA_BYTES;
/** Less than this gets memory of its own size: a few bytes that wait for their ACK must not hold a block. */
const SMALL_BYTES = 4096;
const blocks = new BufferPool(BLOCK_BYTES);

interface Chunk {
  /** What the application wrote. */
  bytes: Buffer;
  /** Where it stands, if that is a block. */
  readonly block: Buffer | undefined;
}

/** Takes the place of an acknowledged chunk until it is cut off, so that its memory is free at once. */
const RELEASED: Chunk = { bytes: Buffer.alloc(0), block: undefined };

/**
 * The sending half of a flow: everything the application wrote that the peer has not acknowledged yet, with a cursor
 * at the next byte to send. It is copied in once; a chunk is let go when its last byte is acknowledged. Where the way
 * was lost, the cursor goes back: what was sent is sent again, and the peer drops what it has.
 *
 *     base ......... next ......... sent ......... end        limit
 *      | sent, kept   | to send again | not yet sent |           | how far the peer lets us go
 */
export class SendBuffer {
  #chunks: Chunk[] = [];
  /** Acknowledged chunks at the front of `#chunks`, waiting to be cut off together. */
  #head = 0;
  /** Offset of the first byte of the chunk at `#head`. */
  #headOffset = 0;
  /** The chunk with the next byte to send, and that byte's place in it. */
  #cursor = 0;
  #cursorByte = 0;

  #base = 0;
  #next = 0;
  /** The furthest `next` there was: what the peer may acknowledge. */
  #sent = 0;
  #end = 0;
  #limit: number;
  /** Most bytes to keep unacknowledged, whatever the peer allows: a peer does not decide how much memory we spend. */
  keep = Infinity;

  /** `limit`: how many bytes may go before the peer has said anything. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Offset after the last byte the application wrote. */
  get end(): number {
    return this.#end;
  }

  /** Offset after the last byte that was ever sent. */
  get sent(): number {
    return Math.max(this.#sent, this.#next);
  }

  /** Bytes kept: all that is not acknowledged, sent or not. */
  get held(): number {
    return this.#end - this.#base;
  }

  /** Bytes sent and not acknowledged. */
  get underway(): number {
    return this.#next - this.#base;
  }

  /** Bytes waiting to be sent (again), whether the window allows it or not. */
  get unsent(): number {
    return this.#end - this.#next;
  }

  /** Bytes that may be sent now. */
  get sendable(): number {
    return Math.max(0, Math.min(this.#end, this.#limit, this.#base + this.keep) - this.#next);
  }

  /** Takes a copy. */
  push(bytes: Buffer): void {
    let at = this.#fillLast(bytes);
    for (; bytes.length - at >= SMALL_BYTES; at += BLOCK_BYTES) {
      const block = blocks.take();
      this.#chunks.push({ bytes: block.subarray(0, bytes.copy(block, 0, at)), block });
    }
    if (at < bytes.length) this.#chunks.push({ bytes: Buffer.from(bytes.subarray(at)), block: undefined });
    this.#end += bytes.length;
  }

  /** Lets everything go; nothing may be called any more but the getters. */
  clear(): void {
    for (const { block } of this.#chunks) if (block !== undefined) blocks.give(block);
    this.#chunks = [];
    this.#base = this.#next = this.#end;
  }

  /** All that is not acknowledged is to be sent again. */
  rewind(): void {
    this.#sent = this.sent;
    this.#toBase();
  }

  /** Puts what has room into the last block; returns how much that is. */
  #fillLast(bytes: Buffer): number {
    const last = this.#chunks.at(-1);
    if (last?.block === undefined) return 0;
    const copied = bytes.copy(last.block, last.bytes.length);
    last.bytes = last.block.subarray(0, last.bytes.length + copied);
    return copied;
  }

  /** The next bytes to send, at most `max` and never across two chunks; undefined when none may go. */
  take(max: number): Range | undefined {
    const allowed = Math.min(max, this.sendable);
    const chunk = this.#chunks[this.#cursor];
    if (allowed === 0 || chunk === undefined) return undefined;
    const bytes = chunk.bytes.subarray(this.#cursorByte, this.#cursorByte + allowed);
    const offset = this.#next;
    this.#next += bytes.length;
    this.#cursorByte += bytes.length;
    if (this.#cursorByte === (chunk.block ?? chunk.bytes).length) {
      this.#cursor++;
      this.#cursorByte = 0;
    }
    return { offset, bytes };
  }

  /**
   * The peer has consumed everything before `offset` and lets us go `window` bytes further. Late news (a smaller
   * offset) changes nothing; an offset that was never sent breaks the rules and throws.
   */
  ack(offset: number, window: number): void {
    if (offset > this.sent)
      throw malformed("bad-ack", `ACK of ${offset}, but only ${this.sent} bytes were sent`);
    this.#limit = Math.max(this.#limit, offset + window);
    if (offset <= this.#base) return;
    this.#base = offset;
    for (;;) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined || this.#headOffset + chunk.bytes.length > offset) break;
      if (this.#head === this.#cursor) {
        // All sent, but with room left behind it, which nobody gets now.
        this.#cursor++;
        this.#cursorByte = 0;
      }
      this.#headOffset += chunk.bytes.length;
      if (chunk.block !== undefined) blocks.give(chunk.block);
      this.#chunks[this.#head++] = RELEASED;
    }
    // What was to be sent again had arrived after all.
    if (offset > this.#next) this.#toBase();
    if (this.#head >= COMPACT_AFTER || this.#head === this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#cursor -= this.#head;
      this.#head = 0;
    }
  }
  #toBase(): void {
    this.#next = this.#base;
    this.#cursor = this.#head;
    this.#cursorByte = this.#base - this.#headOffset;
  }
}

import { malformed } from "../wire/bytes.ts";

interface Segment {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Pieces held while one before them is missing. Far more than striping makes; keeps a peer from costing us memory by the byte. */
const MAX_SEGMENTS = 4096;
/** What a held piece costs beside its bytes: its Buffer, the memory behind it and our note of it (measured, Node 26: 420). */
const SEGMENT_BYTES = 420;
/** A piece that follows a held one is put to it as long as both are no more than this: to copy so much is nothing. */
const COALESCED_BYTES = 4096;

/**
 * The receiving half of a flow: puts pieces that may come twice, overlap or come early back into one stream.
 * In the usual case (the next piece comes next) nothing is stored.
 */
export class ReceiveBuffer {
  /** Early pieces, by offset, not overlapping what was delivered. */
  #early: Segment[] = [];
  #earlyBytes = 0;
  #next = 0;
  #limit: number;
  #finAt: number | undefined;

  /** `limit`: how many bytes the peer may send before it is told more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Offset of the next byte the application gets: all before it were handed on. */
  get next(): number {
    return this.#next;
  }

  /** What is held because something before it is missing costs so many bytes of memory. */
  get held(): number {
    return this.#earlyBytes + this.#early.length * SEGMENT_BYTES;
  }

  /** Where the peer may send up to. */
  get limit(): number {
    return this.#limit;
  }

  /** True when the peer's FIN and everything before it was handed on. */
  get ended(): boolean {
    return this.#finAt !== undefined && this.#next === this.#finAt;
  }

  /** Allows the peer to send up to `limit`; what was allowed once stays allowed. */
  allow(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  /** Takes a piece, which is only lent, and calls `deliver` for what is now in order. Throws where the peer breaks the window or its own FIN. */
  insert(offset: number, bytes: Buffer, deliver: (bytes: Buffer) => void): void {
    const end = offset + bytes.length;
    if (end > this.#limit)
      throw malformed("window-exceeded", `bytes up to ${end}, allowed are ${this.#limit}`);
    if (this.#finAt !== undefined && end > this.#finAt)
      throw malformed("data-after-fin", `bytes up to ${end} after FIN at ${this.#finAt}`);
    if (end <= this.#next) return;
    if (offset > this.#next) {
      this.#hold({ offset, bytes });
      return;
    }
    deliver(bytes.subarray(this.#next - offset));
    this.#next = end;
    if (this.#early.length > 0) this.#release(deliver);
  }

  /** The peer's stream ends at `offset`. Throws when that contradicts what it said or sent before. */
  fin(offset: number): void {
    const seen = Math.max(this.#next, endOf(this.#early.at(-1)));
    if (offset < seen || (this.#finAt !== undefined && this.#finAt !== offset)) {
      throw malformed("bad-fin", `FIN at ${offset}, but bytes up to ${this.#finAt ?? seen} are known`);
    }
    this.#finAt = offset;
  }

  /** Keeps a copy of what of an early piece is not held already: held pieces never overlap. */
  #hold({ offset, bytes }: Segment): void {
    const end = offset + bytes.length;
    // Searched from the back: most pieces go behind all others.
    let at = this.#early.findLastIndex((held) => held.offset <= offset);
    let from = Math.max(offset, endOf(this.#early[at]));
    while (from < end) {
      const next = this.#early[++at];
      const to = Math.min(end, next?.offset ?? end);
      if (from < to) at += this.#keep(at, from, bytes.subarray(from - offset, to - offset));
      from = Math.max(to, endOf(next));
    }
    if (this.#early.length > MAX_SEGMENTS)
      throw malformed("too-many-pieces", `more than ${MAX_SEGMENTS} early pieces`);
  }

  /** Puts a piece that overlaps no other before the one at `at`; returns how many more there are for it. */
  #keep(at: number, offset: number, bytes: Buffer): number {
    this.#earlyBytes += bytes.length;
    const before = this.#early[at - 1];
    if (
      before !== undefined &&
      endOf(before) === offset &&
      before.bytes.length + bytes.length <= COALESCED_BYTES
    ) {
      this.#early[at - 1] = { offset: before.offset, bytes: copyOf(before.bytes, bytes) };
      return 0;
    }
    this.#early.splice(at, 0, { offset, bytes: copyOf(bytes) });
    return 1;
  }

  #release(deliver: (bytes: Buffer) => void): void {
    let count = 0;
    for (const held of this.#early) {
      if (held.offset > this.#next) break;
      count++;
      this.#earlyBytes -= held.bytes.length;
      const end = endOf(held);
      if (end <= this.#next) continue;
      deliver(held.bytes.subarray(this.#next - held.offset));
      this.#next = end;
    }
    this.#early.splice(0, count);
  }
}

/** In memory of its own: a piece of a shared pool would keep all of the pool. */
function copyOf(...parts: readonly Buffer[]): Buffer {
  const copy = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) at += part.copy(copy, at);
  return copy;
}

function endOf(piece: Segment | undefined): number {
  return piece === undefined ? 0 : piece.offset + piece.bytes.length;
}

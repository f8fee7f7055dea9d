import { malformed } from "../wire/bytes.ts";

interface Segment {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Pieces held while one before them is missing. Far more than striping makes; keeps a peer from costing us memory by the byte. */
const MAX_SEGMENTS = 4096;

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

  /** Bytes held because something before them is missing. */
  get held(): number {
    return this.#earlyBytes;
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
      if (from < to) {
        this.#early.splice(at++, 0, {
          offset: from,
          bytes: Buffer.from(bytes.subarray(from - offset, to - offset)),
        });
        this.#earlyBytes += to - from;
      }
      from = Math.max(to, endOf(next));
    }
    if (this.#early.length > MAX_SEGMENTS)
      throw malformed("too-many-pieces", `more than ${MAX_SEGMENTS} early pieces`);
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

function endOf(piece: Segment | undefined): number {
  return piece === undefined ? 0 : piece.offset + piece.bytes.length;
}

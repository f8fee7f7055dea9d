import { SennitError } from "../base/errors.ts";

const TWO_32 = 0x1_0000_0000;

/** Offsets are 64 bit on the wire and must fit a double exactly: 2^53 bytes are 8 petabytes in one flow. */
export function writeOffset(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(value / TWO_32), at);
  buffer.writeUInt32BE(value % TWO_32, at + 4);
}

/** The offset at `at`; NaN where it lies beyond 2^53. */
export function readOffset(buffer: Buffer, at: number): number {
  const high = buffer.readUInt32BE(at);
  return high < 0x20_0000 ? high * TWO_32 + buffer.readUInt32BE(at + 4) : Number.NaN;
}

/** Broken bytes from the peer: the carrier (or the token) they came in is refused. */
export function malformed(code: string, message: string): SennitError {
  return new SennitError("peer", code, message);
}

/** Reads a body from front to back; every step checks that the bytes are there, `end` that none are left over. */
export class Reader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  u8(): number {
    return this.take(1).readUInt8(0);
  }

  u16(): number {
    return this.take(2).readUInt16BE(0);
  }

  u32(): number {
    return this.take(4).readUInt32BE(0);
  }

  take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length)
      throw malformed("truncated", `${this.#what} ends after ${this.#bytes.length} bytes`);
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** All that is left. */
  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }

  /** Throws where bytes are left over. */
  end(): void {
    const extra = this.#bytes.length - this.#at;
    if (extra > 0) throw malformed("malformed", `${this.#what} has ${extra} bytes too many`);
  }
}

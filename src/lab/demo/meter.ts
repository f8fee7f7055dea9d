import { createHash } from "node:crypto";
import { seededBytes } from "../services/bytes.ts";

/** The user's clock ticks in steps of this many milliseconds. */
export const STEP_MS = 10;

export interface Measured {
  readonly bytes: number;
  /** From the first SYN to the last byte. */
  readonly ms: number;
  /** The longest time without a byte between the first and the last, in whole steps. */
  readonly longestStallMs: number;
  /** Bytes that differ from what was sent, or never came, or came too many. */
  readonly bytesWrong: number;
  readonly sha256: string;
}

/** Looks at a download as the user's socket sees it: every byte and when it came. */
export class Meter {
  readonly #expected: Iterator<Buffer, void>;
  readonly #hash = createHash("sha256");
  readonly #length: number;
  readonly #startedAt: number;
  #piece: Buffer = Buffer.alloc(0);
  #lastAt: number | undefined;
  #bytes = 0;
  #wrong = 0;
  #longestStallMs = 0;

  /** Expects the `length` bytes that belong to `seed`; `now` in milliseconds. */
  constructor(length: number, seed: string, now: number) {
    this.#expected = seededBytes(length, seed);
    this.#length = length;
    this.#startedAt = now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that came at `now`. */
  take(bytes: Buffer, now: number): void {
    if (this.#lastAt !== undefined) {
      const steps = Math.floor((now - this.#lastAt) / STEP_MS);
      this.#longestStallMs = Math.max(this.#longestStallMs, steps * STEP_MS);
    }
    this.#lastAt = now;
    this.#bytes += bytes.length;
    this.#hash.update(bytes);
    this.#compare(bytes);
  }

  result(): Measured {
    const missing = Math.max(0, this.#length - this.#bytes);
    return {
      bytes: this.#bytes,
      ms: (this.#lastAt ?? this.#startedAt) - this.#startedAt,
      longestStallMs: this.#longestStallMs,
      bytesWrong: this.#wrong + missing,
      sha256: this.#hash.digest("hex"),
    };
  }

  #compare(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#piece.length === 0) {
        const next = this.#expected.next();
        if (next.done) {
          this.#wrong += bytes.length - at;
          return;
        }
        this.#piece = next.value;
      }
      const count = Math.min(bytes.length - at, this.#piece.length);
      const [got, wanted] = [bytes.subarray(at, at + count), this.#piece.subarray(0, count)];
      if (!got.equals(wanted)) this.#wrong += got.filter((byte, index) => byte !== wanted[index]).length;
      this.#piece = this.#piece.subarray(count);
      at += count;
    }
  }
}

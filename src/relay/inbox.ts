import { sendLent, type LocalEnd } from "./localend.ts";

/** Pieces are put together here to be sent by one call; memory that all flows use, one after the other. */
const GATHER_BYTES = 256 * 1024;
const memory = Buffer.allocUnsafeSlow(GATHER_BYTES);

/** What came for the application and was not given to its connection yet: lent pieces until `keep` or `deliver`. */
export class Inbox {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** Bytes in it. */
  get bytes(): number {
    return this.#bytes;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Keeps what is in it beyond the time it was lent for. */
  keep(): void {
    if (this.#pieces.length > 0) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** Gives all to the local end. No piece is needed any more then. */
  deliver(local: LocalEnd): void {
    const pieces = this.#pieces;
    this.clear();
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) {
      sendLent(local, first);
      return;
    }
    let length = 0;
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        const copied = piece.copy(memory, length, at);
        at += copied;
        length += copied;
        if (length < GATHER_BYTES) continue;
        sendLent(local, memory);
        length = 0;
      }
    }
    sendLent(local, memory.subarray(0, length));
  }
}

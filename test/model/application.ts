import { Duplex } from "node:stream";
import type { LocalEnd } from "../../src/relay/localend.ts";

/** All streams are cuttings of one: no two offsets of two streams below this distance look alike. */
const PATTERN_BYTES = 131_071;
const pattern = makePattern();

/** What the kernel keeps for an application that does not read. */
const UNREAD_BYTES = 16_000;
/** What one read of the flow's brings at most. */
const READ_BYTES = 64 * 1024;

/** An application with its connection to a flow: says bytes of its stream, checks each byte it hears against the other's. */
export class Application {
  readonly local: LocalEnd;
  /** Where in the pattern its stream begins, and the one it hears. */
  readonly #says: number;
  readonly #hears: number;
  readonly #stream: LocalStream;
  /** Bytes it has given to its kernel. */
  said = 0;
  /** Bytes that its kernel has taken for it. */
  heard = 0;
  hasEnded = false;
  heardEnd = false;
  /** Its connection was broken from outside; nobody tells one that has closed both directions. */
  wasReset = false;
  hasReset = false;
  reading = true;
  /** What it has heard that nobody said. */
  fault: string | undefined;
  #unsaid = 0;
  #wants = false;
  #room = UNREAD_BYTES;
  #rest: Buffer = Buffer.alloc(0);
  #taken: (() => void) | undefined;

  constructor(says: number, hears: number) {
    this.#says = says;
    this.#hears = hears;
    this.#stream = new LocalStream({
      read: () => {
        this.#wants = true;
        this.#say();
      },
      write: (bytes, taken) => {
        this.#rest = bytes;
        this.#taken = taken;
        this.#takeRest();
      },
      finish: () => (this.heardEnd = true),
    });
    // It may break before a flow has it.
    this.#stream.on("error", () => undefined);
    this.local = {
      stream: this.#stream,
      lend: (take) => {
        this.#stream.removeAllListeners("data");
        this.#stream.on("data", (bytes: Buffer) => {
          const lent = Buffer.from(bytes);
          take(lent);
          lent.fill(0x5a);
        });
      },
      send: (bytes) => {
        const { destroyed, writableEnded, writableLength } = this.#stream;
        return destroyed || writableEnded || writableLength > 0 ? 0 : this.#take(bytes);
      },
      holdAtMost: () => undefined,
      reset: () => this.#cut(),
    };
  }

  /** It has said and heard all there was; nothing can happen to it any more. */
  get isComplete(): boolean {
    return this.hasEnded && this.#unsaid === 0 && this.heardEnd && !this.wasReset && !this.hasReset;
  }

  get isOver(): boolean {
    return this.isComplete || this.wasReset || this.hasReset;
  }

  write(bytes: number): void {
    if (this.hasEnded || this.isOver) return;
    this.#unsaid += bytes;
    this.#say();
  }

  end(): void {
    if (this.hasEnded || this.isOver) return;
    this.hasEnded = true;
    this.#say();
  }

  read(reading: boolean): void {
    this.reading = reading;
    this.#room = reading ? Infinity : UNREAD_BYTES;
    this.#takeRest();
  }

  /** It breaks its connection off. */
  reset(): void {
    if (this.isOver) return;
    this.hasReset = true;
    this.#stream.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  }

  /** The process at the other side of its connection is gone; nobody there hears of it. */
  sever(): void {
    this.#cut();
    this.#stream.removeAllListeners().on("error", () => undefined);
  }

  #cut(): void {
    if (!this.isOver) this.wasReset = true;
    this.#stream.destroy();
  }

  #say(): void {
    while (this.#wants && this.#unsaid > 0 && !this.#stream.destroyed) {
      const piece = cutting(this.#says + this.said, Math.min(this.#unsaid, READ_BYTES));
      this.#unsaid -= piece.length;
      this.said += piece.length;
      this.#wants = false;
      if (this.#stream.push(piece)) this.#wants = true;
    }
    if (this.hasEnded && this.#unsaid === 0 && !this.#stream.readableEnded) this.#stream.finishReading();
  }

  #takeRest(): void {
    this.#rest = this.#rest.subarray(this.#take(this.#rest));
    const taken = this.#taken;
    if (this.#rest.length > 0 || taken === undefined) return;
    this.#taken = undefined;
    taken();
  }

  #take(bytes: Buffer): number {
    const part = bytes.subarray(0, this.reading ? bytes.length : this.#room);
    if (!this.reading) this.#room -= part.length;
    for (let at = 0; at < part.length;) {
      const right = cutting(this.#hears + this.heard, part.length - at);
      if (!right.equals(part.subarray(at, at + right.length))) {
        this.fault ??= `wrong bytes behind offset ${this.heard}`;
      }
      at += right.length;
      this.heard += right.length;
    }
    return part.length;
  }
}

interface Ends {
  readonly read: () => void;
  readonly write: (bytes: Buffer, taken: () => void) => void;
  readonly finish: () => void;
}

/** The flow's end of an application's connection; behaves as a net.Socket that may half-close. */
class LocalStream extends Duplex {
  readonly #ends: Ends;
  #finished = false;

  constructor(ends: Ends) {
    super({ allowHalfOpen: true });
    this.#ends = ends;
  }

  finishReading(): void {
    if (!this.#finished) this.push(null);
    this.#finished = true;
  }

  override _read(): void {
    this.#ends.read();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#ends.write(bytes, callback);
  }

  override _final(callback: () => void): void {
    this.#ends.finish();
    callback();
  }
}

/** Bytes of the endless pattern, as many as lie in one piece. */
function cutting(offset: number, length: number): Buffer {
  const at = offset % PATTERN_BYTES;
  return pattern.subarray(at, at + length);
}

function makePattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES);
  let state = 1;
  for (let at = 0; at < PATTERN_BYTES; at++) {
    // The minimal standard generator (Park and Miller, 1988).
    state = (state * 48_271) % 0x7fff_ffff;
    bytes[at] = state >> 8;
  }
  return bytes;
}

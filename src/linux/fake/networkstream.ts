import { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";

/** What a direction holds before its writer must wait: about one end's send and the other's receive buffer. */
const WIRE_CAPACITY = 256 * 1024;
/** No read of the kernel's is larger (libuv's buffer). */
const MAX_PIECE = 64 * 1024;

/** Fills memory that was lent and is not any more. */
const SCRIBBLE = 0xa5;

interface Parcel {
  readonly what: Buffer | "fin" | "rst";
  readonly arrivesAt: number;
}

/** One direction of a connection: what was sent and not yet taken, in order, bounded. */
export class Wire {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #queue: Parcel[] = [];
  #held = 0;
  #writerWaits: (() => void) | undefined;
  #readerWaits = false;
  #pumping = false;
  #frozen = false;
  #ended = false;
  #receiver: FakeStream | undefined;
  sentBytes = 0;
  takenBytes = 0;
  /** When bytes were taken last, by the clock; at first, when it was made. */
  takenAt: number;

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.takenAt = clock.now();
  }

  /** True while bytes that were sent have not been read. */
  get unread(): boolean {
    return this.#held > 0;
  }

  /** To be called once, before anything is sent. */
  leadTo(receiver: FakeStream): void {
    this.#receiver = receiver;
  }

  /** `taken` is called when there is room for more. */
  send(bytes: Buffer, taken: () => void): void {
    if (this.#ended) return taken();
    this.sentBytes += bytes.length;
    this.#held += bytes.length;
    // A copy, as the kernel's is: the writer may use its memory again.
    for (let at = 0; at < bytes.length; at += MAX_PIECE)
      this.#enqueue(Buffer.from(bytes.subarray(at, at + MAX_PIECE)));
    if (this.#held < WIRE_CAPACITY) taken();
    else this.#writerWaits = taken;
  }

  /** FIN: behind all data. */
  finish(): void {
    if (!this.#ended) this.#enqueue("fin");
  }

  /** RST: what was on its way is lost. */
  reset(): void {
    if (this.#ended) return;
    this.drop();
    this.#enqueue("rst");
  }

  /** Nothing more will be taken or sent here. */
  drop(): void {
    this.#ended = true;
    this.#queue.length = 0;
    this.#held = 0;
    this.#letWriterGoOn();
  }

  /** The reader has room. */
  want(): void {
    this.#readerWaits = true;
    this.#pump();
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    this.#pump();
  }

  #enqueue(what: Parcel["what"]): void {
    this.#queue.push({ what, arrivesAt: this.#clock.now() + this.#latencyMs });
    this.#pump();
  }

  /** Delivers in a turn of its own: a write never runs the reader's code. */
  #pump(): void {
    const next = this.#queue[0];
    if (this.#pumping || this.#frozen || next === undefined) return;
    this.#pumping = true;
    const deliver = (): void => {
      this.#pumping = false;
      while (this.#deliverNext()) {
        // Until nothing more has arrived, or the reader has enough.
      }
    };
    const waitMs = next.arrivesAt - this.#clock.now();
    if (waitMs > 0) this.#clock.after(waitMs, deliver);
    else setImmediate(deliver);
  }

  #deliverNext(): boolean {
    const [next] = this.#queue;
    const receiver = this.#receiver;
    if (this.#frozen || next === undefined || receiver === undefined) return false;
    if (next.arrivesAt > this.#clock.now()) {
      this.#pump();
      return false;
    }
    if (next.what === "rst") {
      this.#queue.length = 0;
      receiver.wasReset();
      return false;
    }
    if (next.what === "fin") {
      this.#queue.shift();
      receiver.push(null);
      return true;
    }
    if (receiver.gone) {
      receiver.refuse();
      return false;
    }
    if (!this.#readerWaits) return false;
    this.#queue.shift();
    this.#held -= next.what.length;
    this.takenBytes += next.what.length;
    this.takenAt = this.#clock.now();
    this.#readerWaits = false;
    // push() may run the reader's code, and that may ask for more.
    if (receiver.push(next.what)) this.#readerWaits = true;
    this.#letWriterGoOn();
    return true;
  }

  #letWriterGoOn(): void {
    const taken = this.#writerWaits;
    if (taken === undefined || this.#held >= WIRE_CAPACITY) return;
    this.#writerWaits = undefined;
    taken();
  }
}

/** One end of a connection; behaves as a net.Socket does that was made with `allowHalfOpen`. */
export class FakeStream extends Duplex {
  readonly #incoming: Wire;
  readonly #outgoing: Wire;
  readonly #mptcp: boolean;
  #resetting = false;

  constructor(incoming: Wire, outgoing: Wire, mptcp: boolean) {
    super({ allowHalfOpen: true });
    this.#mptcp = mptcp;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    incoming.leadTo(this);
  }

  /** True once this end was closed in both directions, from outside or by itself. */
  get gone(): boolean {
    return this.destroyed;
  }

  /** What was lent holds other bytes afterwards, as the kernel's memory does. */
  lend(take: (bytes: Buffer) => void): void {
    this.removeAllListeners("data");
    this.on("data", (bytes: Buffer) => {
      const lent = Buffer.from(bytes);
      take(lent);
      lent.fill(SCRIBBLE);
    });
  }

  /** Takes a part only: nobody may count on more. */
  send(bytes: Buffer): number {
    if (this.destroyed || this.writableEnded || this.writableLength > 0) return 0;
    const part = Buffer.from(bytes.subarray(0, Math.ceil(bytes.length / 2)));
    this.write(part);
    return part.length;
  }

  reset(): void {
    this.#resetting = true;
    if (this.destroyed) this.#outgoing.reset();
    else this.destroy();
  }

  /** RST has arrived. */
  wasReset(): void {
    this.#incoming.drop();
    this.#outgoing.drop();
    this.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" }));
  }

  /**
   * Bytes came for an end that is closed. TCP answers with RST (RFC 9293, section 3.10.7.1), the kernel's MPTCP
   * swallows them until its close_timeout is over.
   */
  refuse(): void {
    this.#incoming.drop();
    if (!this.#mptcp) this.#outgoing.reset();
  }

  override _read(): void {
    this.#incoming.want();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#outgoing.send(chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#outgoing.finish();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // close(2) with unread data in the buffer sends RST (RFC 2525, section 2.17).
    if (this.#resetting || this.#incoming.unread) {
      this.#incoming.drop();
      this.#outgoing.reset();
    } else if (!this.writableFinished) this.#outgoing.finish();
    callback(error);
  }
}

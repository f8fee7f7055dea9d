import { Duplex } from "node:stream";
import { SennitError } from "../base/errors.ts";
import type { Connection } from "../linux/sockets.ts";
import { ContentType, MAX_RECORD_BYTES, RECORD_HEADER_BYTES } from "./tlsrecords.ts";

/* The types of TLS records, the first byte of each (RFC 8446 section 5.1). */
const FIRST_TYPE = 20;
const LAST_TYPE = 23;

/** Bytes that may wait for the engine: it takes a record a turn, and nobody says much during a handshake. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * Between a connection and the TLS engine that shakes hands on it: shows the engine one record at a time, so that
 * whoever goes on in its place knows exactly what it has seen and said.
 */
export class HandshakePipe extends Duplex {
  readonly #connection: Connection;
  readonly #side: "dial" | "accept";
  #incoming: Buffer = Buffer.alloc(0);
  #outgoing: Buffer = Buffer.alloc(0);
  #feeding = false;
  #held = false;
  #ended = false;
  /** The engine has sealed a record: dialling, that is its Finished. */
  #sealed = false;
  #onOver: (() => void) | undefined;

  constructor(connection: Connection, side: "dial" | "accept") {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.#side = side;
    const { stream } = connection;
    connection.lend((bytes) => this.#onBytes(bytes));
    stream.on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose);
  }

  /**
   * Shows the engine nothing more; to be called in the very event that says that the handshake is done. What it says
   * afterwards goes nowhere, dialling its Finished excepted.
   */
  hold(): void {
    this.#held = true;
  }

  /**
   * Takes the connection from the engine, once that has said its last word, and resolves to the bytes that it has not
   * seen. The connection is paused then. To be called after `hold`. Rejects when it breaks before.
   */
  async takeOver(): Promise<Buffer> {
    await new Promise<void>((resolve, reject) => {
      this.#onOver = resolve;
      this.once("close", () =>
        reject(new SennitError("network", "tls-failed", "the connection broke during the TLS handshake")),
      );
      if (this.#over) resolve();
    });
    const { stream } = this.#connection;
    stream.off("end", this.#onEnd).off("error", this.#onError).off("close", this.#onClose);
    // Errors that come before the next owner listens must not be nobody's.
    stream.on("error", () => undefined);
    this.#connection.lend(() => undefined);
    stream.pause();
    return this.#incoming;
  }

  override _read(): void {
    this.#feed();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#over) return callback();
    this.#outgoing = Buffer.concat([this.#outgoing, chunk]);
    const whole: Buffer[] = [];
    for (let record = this.#cutOutgoing(); record !== undefined; record = this.#cutOutgoing())
      whole.push(record);
    if (whole.length === 0) return callback();
    this.#connection.stream.write(Buffer.concat(whole), callback);
    if (this.#over) this.#onOver?.();
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#over) this.#connection.stream.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#over) this.#connection.stream.destroy();
    callback(error);
  }

  /** The engine has said all that the other end is to hear: a server's tickets, which would come now, are of no use. */
  get #over(): boolean {
    return this.#held && (this.#side === "accept" || this.#sealed);
  }

  #cutOutgoing(): Buffer | undefined {
    if (this.#over) return undefined;
    const record = cut(this.#outgoing);
    if (record === undefined) return undefined;
    this.#outgoing = this.#outgoing.subarray(record.length);
    if (record[0] === ContentType.DATA) this.#sealed = true;
    return record;
  }

  #onBytes(bytes: Buffer): void {
    this.#incoming = Buffer.concat([this.#incoming, bytes]);
    if (this.#incoming.length > MAX_WAITING_BYTES) this.#connection.stream.pause();
    this.#feed();
  }

  /** A record in a turn of its own: within `_read` the engine would get it some time later, and another before. */
  #feed(): void {
    if (this.#feeding || this.#held) return;
    this.#feeding = true;
    setImmediate(this.#feedOne);
  }

  readonly #feedOne = (): void => {
    this.#feeding = false;
    if (this.#held || this.destroyed || this.readableLength > 0) return;
    const record = cut(this.#incoming);
    if (record === undefined) {
      if (this.#ended) this.push(null);
      return;
    }
    this.#incoming = this.#incoming.subarray(record.length);
    if (this.#connection.stream.isPaused()) this.#connection.stream.resume();
    // This runs the engine, whose listeners may hold us.
    this.push(record);
    this.#feed();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#feed();
  };
  readonly #onError = (error: Error): void => void this.destroy(error);
  readonly #onClose = (): void => void this.destroy();
}

/** The first record, if it is all there. What is no record is given as it is: the engine knows what to say to it. */
function cut(bytes: Buffer): Buffer | undefined {
  const [type] = bytes;
  if (type === undefined) return undefined;
  if (type < FIRST_TYPE || type > LAST_TYPE) return bytes;
  if (bytes.length < RECORD_HEADER_BYTES) return undefined;
  const length = RECORD_HEADER_BYTES + bytes.readUInt16BE(3);
  if (length > MAX_RECORD_BYTES) return bytes;
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

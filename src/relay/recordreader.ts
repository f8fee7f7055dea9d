import { SennitError } from "../base/errors.ts";
import {
  Alert,
  badRecord,
  ContentType,
  MAX_RECORD_BYTES,
  RECORD_HEADER_BYTES,
  RecordOpener,
} from "./tlsrecords.ts";

export interface RecordSink {
  /** Content in order; its memory holds other bytes as soon as this returns. */
  data(bytes: Buffer): void;
  /** The other end will send nothing more. */
  closeNotify(): void;
  /** The other end took a new key and wants us to do the same (RFC 8446 section 4.6.3). */
  keyUpdateRequested(): void;
}

/* Handshake messages that may come after the handshake (RFC 8446 section 4.6). */
const NEW_SESSION_TICKET = 4;
const KEY_UPDATE = 24;
const MESSAGE_HEADER_BYTES = 4;
/** Handshake messages that have not fully come: a ticket is a few hundred bytes. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** Each makes us answer. A carrier is renewed long before a peer of ours needs its second. */
const MAX_KEY_UPDATES = 64;

/**
 * Where content is written to before it is handed on: a read's worth of records, and one that the read before had begun.
 * Used by all readers, one after the other.
 */
const CONTENT_BYTES = 256 * 1024 + 2 * MAX_RECORD_BYTES;
const memory = Buffer.allocUnsafeSlow(CONTENT_BYTES);

/** Cuts what a TLS 1.3 peer sends after the handshake into records, and hands on what is in them in as few pieces as can be. */
export class RecordReader {
  readonly #opener: RecordOpener;
  readonly #sink: RecordSink;
  /** A record that has not fully come. */
  readonly #partial = Buffer.allocUnsafeSlow(MAX_RECORD_BYTES);
  #have = 0;
  /** Content opened and not handed on yet. */
  #content = 0;
  #messages: Buffer = Buffer.alloc(0);
  #ended = false;
  #keyUpdates = 0;

  constructor(opener: RecordOpener, sink: RecordSink) {
    this.#opener = opener;
    this.#sink = sink;
  }

  /** Throws a `badRecord`, or class `peer`, code `tls-alert` where the other end gave up. What came before it was handed on. */
  push(bytes: Buffer): void {
    try {
      let at = this.#have === 0 ? 0 : this.#complete(bytes);
      while (!this.#ended && bytes.length - at >= RECORD_HEADER_BYTES) {
        const end = at + RecordOpener.length(bytes, at);
        if (end > bytes.length) break;
        this.#open(bytes.subarray(at, end));
        at = end;
      }
      if (!this.#ended) this.#keep(bytes, at, bytes.length);
    } finally {
      this.#handOn();
    }
    if (this.#ended) this.#sink.closeNotify();
  }

  /** Forgets the keys. */
  free(): void {
    this.#opener.free();
  }

  /** Completes the record that was begun, as far as the bytes reach; returns how many it took. */
  #complete(bytes: Buffer): number {
    let at = this.#keep(bytes, 0, Math.max(0, RECORD_HEADER_BYTES - this.#have));
    if (this.#have < RECORD_HEADER_BYTES) return at;
    const length = RecordOpener.length(this.#partial, 0);
    at = this.#keep(bytes, at, at + length - this.#have);
    if (this.#have < length) return at;
    this.#have = 0;
    this.#open(this.#partial.subarray(0, length));
    return at;
  }

  /** Keeps bytes from `from` on, up to `to` or as many as there are; returns where it stopped. */
  #keep(bytes: Buffer, from: number, to: number): number {
    const copied = bytes.copy(this.#partial, this.#have, from, Math.min(to, bytes.length));
    this.#have += copied;
    return from + copied;
  }

  #open(record: Buffer): void {
    if (this.#content + record.length > CONTENT_BYTES) this.#handOn();
    const out = memory.subarray(this.#content);
    const length = this.#opener.open(record, out);
    switch (this.#opener.type) {
      case ContentType.DATA:
        this.#content += length;
        return;
      case ContentType.ALERT:
        this.#onAlert(out, length);
        return;
      case ContentType.HANDSHAKE:
        this.#onHandshake(Buffer.from(out.subarray(0, length)));
        return;
      default:
        throw badRecord(Alert.UNEXPECTED_MESSAGE, `content of type ${this.#opener.type}`);
    }
  }

  #handOn(): void {
    const length = this.#content;
    this.#content = 0;
    if (length > 0) this.#sink.data(memory.subarray(0, length));
  }

  #onAlert(content: Buffer, length: number): void {
    if (length !== 2) throw badRecord(Alert.DECODE_ERROR, `an alert of ${length} bytes`);
    const alert = content[1];
    if (alert === Alert.CLOSE_NOTIFY) this.#ended = true;
    else if (alert !== Alert.USER_CANCELED)
      throw new SennitError("peer", "tls-alert", `the other end gave up with TLS alert ${alert}`);
  }

  #onHandshake(content: Buffer): void {
    if (content.length === 0) throw badRecord(Alert.UNEXPECTED_MESSAGE, "an empty handshake record");
    this.#messages = Buffer.concat([this.#messages, content]);
    while (this.#messages.length >= MESSAGE_HEADER_BYTES) {
      const length = MESSAGE_HEADER_BYTES + this.#messages.readUIntBE(1, 3);
      if (length > MAX_MESSAGE_BYTES)
        throw badRecord(Alert.UNEXPECTED_MESSAGE, `a handshake message of ${length} bytes`);
      if (this.#messages.length < length) return;
      const message = this.#messages.subarray(0, length);
      this.#messages = this.#messages.subarray(length);
      this.#onMessage(message);
    }
  }

  #onMessage(message: Buffer): void {
    // Nothing is to be resumed, so tickets are of no use.
    if (message[0] === NEW_SESSION_TICKET) return;
    if (message[0] !== KEY_UPDATE)
      throw badRecord(Alert.UNEXPECTED_MESSAGE, `a handshake message of type ${message[0]}`);
    const requested = message[MESSAGE_HEADER_BYTES];
    if (message.length !== MESSAGE_HEADER_BYTES + 1 || (requested !== 0 && requested !== 1))
      throw badRecord(Alert.DECODE_ERROR, "a malformed KeyUpdate");
    // The rest of the record would be under the old key, what follows under the new one (section 5.1).
    if (this.#messages.length > 0) throw badRecord(Alert.UNEXPECTED_MESSAGE, "bytes behind a KeyUpdate");
    if (++this.#keyUpdates > MAX_KEY_UPDATES)
      throw badRecord(Alert.UNEXPECTED_MESSAGE, `more than ${MAX_KEY_UPDATES} KeyUpdates`);
    this.#opener.update();
    if (requested === 1) this.#sink.keyUpdateRequested();
  }
}

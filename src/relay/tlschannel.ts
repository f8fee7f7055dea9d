import { SennitError } from "../base/errors.ts";
import type { Connection } from "../linux/sockets.ts";
import { BufferPool } from "./bufferpool.ts";
import type { Channel, ChannelUser } from "./channel.ts";
import { RecordReader } from "./recordreader.ts";
import {
  ContentType,
  MAX_CONTENT_BYTES,
  RECORD_EXTRA_BYTES,
  RECORD_HEADER_BYTES,
  RecordOpener,
  RecordSealer,
  Alert,
  type Suite,
} from "./tlsrecords.ts";

/** What a handshake leaves behind. */
export interface TlsState {
  readonly suite: Suite;
  /** The application traffic secrets (RFC 8446 section 7.1) of what we send and of what we receive; ours from now on. */
  readonly sendSecret: Buffer;
  readonly receiveSecret: Buffer;
  /** Bytes that came behind the handshake. */
  readonly early: Buffer;
}

const FULL_RECORD_BYTES = MAX_CONTENT_BYTES + RECORD_EXTRA_BYTES;
/** Records that go to the kernel in one call: as many as it takes while TCP_NOTSENT_LOWAT is 128 KiB (netplan/sysctls.ts). */
const BATCH_RECORDS = 7;
const BATCH_BYTES = BATCH_RECORDS * FULL_RECORD_BYTES;
const batches = new BufferPool(BATCH_BYTES);
/** So little of a batch is copied while it waits for the kernel, instead of holding all of it. */
const COPY_BYTES = BATCH_BYTES / 8;

const KEY_UPDATE = Buffer.of(24, 0, 0, 1, 0);

/**
 * TLS 1.3 after the handshake, records sealed and opened by us: a batch of records a system call, and no object or event
 * per record. What is written is copied once, to where it is sealed and sent from.
 */
export class TlsChannel implements Channel {
  readonly #connection: Connection;
  readonly #sealer: RecordSealer;
  readonly #reader: RecordReader;
  #early: Buffer | undefined;
  #user: ChannelUser | undefined;
  #batch: Buffer | undefined;
  /** Where the record that is being filled begins in the batch, and its content so far. */
  #recordAt = 0;
  #content = 0;
  /** Nothing more is read: it has ended, or failed. */
  #deaf = false;
  /** Nothing more is sent. */
  #mute = false;

  constructor(connection: Connection, state: TlsState) {
    this.#connection = connection;
    this.#sealer = new RecordSealer(state.suite, state.sendSecret);
    this.#reader = new RecordReader(new RecordOpener(state.suite, state.receiveSecret), {
      data: (bytes) => this.#user?.data(bytes),
      closeNotify: () => this.#onCloseNotify(),
      keyUpdateRequested: () => this.#updateKey(),
    });
    this.#early = state.early;
  }

  get queuedBytes(): number {
    return this.#connection.stream.writableLength + this.#recordAt + this.#content;
  }

  start(user: ChannelUser): void {
    this.#user = user;
    const { stream } = this.#connection;
    stream.on("end", () => this.#onEnd());
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () => this.#onClose());
    // It may have broken before anybody listened; then no event is to come.
    if (stream.destroyed) process.nextTick(() => this.#onClose());
    this.#connection.lend((bytes) => this.#onBytes(bytes));
    // Not before `start` has returned.
    process.nextTick(() => {
      const early = this.#early;
      this.#early = undefined;
      if (early !== undefined) this.#onBytes(early);
      // Its end came with the handshake's; then no event is to come.
      if (stream.readableEnded) this.#onEnd();
      stream.resume();
    });
  }

  write(bytes: Buffer): void {
    if (this.#mute) return;
    if (this.#sealer.worn) this.#updateKey();
    for (let at = 0; at < bytes.length;) {
      const batch = (this.#batch ??= batches.take());
      const length = Math.min(bytes.length - at, MAX_CONTENT_BYTES - this.#content);
      const from = this.#recordAt + RECORD_HEADER_BYTES + this.#content;
      bytes.copy(batch, from, at, at + length);
      this.#content += length;
      at += length;
      if (this.#content === MAX_CONTENT_BYTES) this.#seal(ContentType.DATA);
    }
  }

  flush(): void {
    this.#seal(ContentType.DATA);
    this.#send();
  }

  end(): void {
    this.#say(ContentType.ALERT, Buffer.of(1, Alert.CLOSE_NOTIFY));
    this.#mute = true;
    this.#connection.stream.end();
  }

  /** Finishes the record that is being filled, if there is one. */
  #seal(type: ContentType): void {
    if (this.#content === 0 || this.#batch === undefined) return;
    const end = this.#recordAt + this.#content + RECORD_EXTRA_BYTES;
    this.#sealer.seal(this.#batch.subarray(this.#recordAt, end), type);
    this.#recordAt = end;
    this.#content = 0;
    if (end + FULL_RECORD_BYTES > BATCH_BYTES) this.#send();
  }

  /** Hands the sealed records to the kernel. */
  #send(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#recordAt === 0) return;
    const bytes = batch.subarray(0, this.#recordAt);
    this.#batch = undefined;
    this.#recordAt = 0;
    const rest = bytes.subarray(this.#connection.send(bytes));
    const { stream } = this.#connection;
    if (rest.length > COPY_BYTES) {
      stream.write(rest, () => {
        batches.give(batch);
        this.#onWritten();
      });
      return;
    }
    if (rest.length > 0) stream.write(Buffer.from(rest), this.#onWritten);
    batches.give(batch);
  }

  /** A record of another type than DATA. */
  #say(type: ContentType, content: Buffer): void {
    if (this.#mute) return;
    this.flush();
    const batch = (this.#batch ??= batches.take());
    content.copy(batch, RECORD_HEADER_BYTES);
    this.#content = content.length;
    this.#seal(type);
    this.#send();
  }

  /** Section 4.6.3: what we send from now on is under the next key. */
  #updateKey(): void {
    this.#say(ContentType.HANDSHAKE, KEY_UPDATE);
    this.#sealer.update();
  }

  readonly #onWritten = (): void => {
    if (!this.#connection.stream.destroyed && this.#connection.stream.writableLength === 0)
      this.#user?.drained();
  };

  #onBytes(bytes: Buffer): void {
    if (this.#deaf) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      const alert = error instanceof SennitError ? error.detail["alert"] : undefined;
      if (typeof alert === "number") this.#say(ContentType.ALERT, Buffer.of(2, alert));
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onCloseNotify(): void {
    this.#deaf = true;
    this.#user?.ended();
  }

  #onEnd(): void {
    // Without close_notify it is not the other end's word but that of anybody on the way (section 6.1).
    this.#fail(new SennitError("peer", "truncated", "the connection ended in the middle of TLS"));
  }

  #fail(error: Error): void {
    if (this.#deaf) return;
    this.#deaf = true;
    this.#user?.failed(error);
  }

  #onClose(): void {
    this.#deaf = this.#mute = true;
    this.#sealer.free();
    this.#reader.free();
    if (this.#batch !== undefined) batches.give(this.#batch);
    this.#batch = undefined;
    this.#recordAt = this.#content = 0;
    this.#user?.gone();
  }
}

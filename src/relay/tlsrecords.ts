import { keyBytes, NONCE_BYTES, Opener, Sealer, TAG_BYTES, type AeadName } from "../linux/aead.ts";
import { SennitError } from "../base/errors.ts";
import { nextSecret, trafficKeys, type HashName } from "../wire/tlskeys.ts";

/**
 * The record layer of TLS 1.3 after the handshake (RFC 8446 section 5):
 *
 *     type 23 | 0x0303 | length   ||   sealed: content | content type | zeros   ||   tag
 */

/** Bytes of content that a record may hold (section 5.1). */
export const MAX_CONTENT_BYTES = 16_384;
export const RECORD_HEADER_BYTES = 5;
/** What a record of ours has beside its content: header, content type, tag. */
export const RECORD_EXTRA_BYTES = RECORD_HEADER_BYTES + 1 + TAG_BYTES;
/** The most that may follow a header: type, padding and tag may take 256 bytes more than the content (section 5.2). */
const MAX_SEALED_BYTES = MAX_CONTENT_BYTES + 256;
export const MAX_RECORD_BYTES = RECORD_HEADER_BYTES + MAX_SEALED_BYTES;
/** Section 5.5 allows 2^24.5 full records under one key of AES-GCM; a little earlier a new one is taken. */
const RECORDS_PER_KEY = 2 ** 24;

export const ContentType = { ALERT: 21, HANDSHAKE: 22, DATA: 23 } as const;
export type ContentType = (typeof ContentType)[keyof typeof ContentType];

/* Alerts (section 6). */
export const Alert = {
  CLOSE_NOTIFY: 0,
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  RECORD_OVERFLOW: 22,
  DECODE_ERROR: 50,
  USER_CANCELED: 90,
} as const;

/** A record that the other end may not send. Its `detail.alert` is what to tell it. */
export function badRecord(alert: number, message: string): SennitError {
  return new SennitError("peer", "bad-record", message, { detail: { alert } });
}

/** A cipher suite's two parts. */
export interface Suite {
  readonly aead: AeadName;
  readonly hash: HashName;
}

/** The suite by its name in RFC 8446 appendix B.4; undefined where we have none of it. */
export function suiteOf(name: string): Suite | undefined {
  return SUITES[name];
}

const SUITES: Readonly<Record<string, Suite>> = {
  TLS_AES_128_GCM_SHA256: { aead: "aes-128-gcm", hash: "sha256" },
  TLS_AES_256_GCM_SHA384: { aead: "aes-256-gcm", hash: "sha384" },
  TLS_CHACHA20_POLY1305_SHA256: { aead: "chacha20-poly1305", hash: "sha256" },
};

/** The IV XOR the number of the record (section 5.3), kept in one buffer. */
class Nonce {
  readonly bytes = Buffer.alloc(NONCE_BYTES);
  readonly #high: number;
  readonly #low: number;
  #number = 0;

  constructor(iv: Buffer) {
    iv.copy(this.bytes);
    this.#high = iv.readUInt32BE(NONCE_BYTES - 8);
    this.#low = iv.readUInt32BE(NONCE_BYTES - 4);
  }

  /** Records before this one. */
  get number(): number {
    return this.#number;
  }

  next(): void {
    this.#number++;
    this.bytes.writeUInt32BE((this.#high ^ Math.floor(this.#number / 2 ** 32)) >>> 0, NONCE_BYTES - 8);
    this.bytes.writeUInt32BE((this.#low ^ this.#number) >>> 0, NONCE_BYTES - 4);
  }
}

/** Makes the records of one direction. */
export class RecordSealer {
  readonly #suite: Suite;
  #secret: Buffer;
  #sealer!: Sealer;
  #nonce!: Nonce;

  constructor(suite: Suite, secret: Buffer) {
    this.#suite = suite;
    this.#secret = secret;
    this.#rekey();
  }

  /** True where the key has sealed as much as it may: a KeyUpdate is to go next, then `update`. */
  get worn(): boolean {
    return this.#nonce.number >= RECORDS_PER_KEY;
  }

  /** Makes a record, in place, of the content that stands behind the room for its header; `record` ends with 17 bytes of room. */
  seal(record: Buffer, type: ContentType): void {
    const sealed = record.length - RECORD_HEADER_BYTES;
    record[0] = ContentType.DATA;
    record.writeUInt16BE(0x0303, 1);
    record.writeUInt16BE(sealed, 3);
    record[record.length - TAG_BYTES - 1] = type;
    const header = record.subarray(0, RECORD_HEADER_BYTES);
    this.#sealer.seal(this.#nonce.bytes, header, record.subarray(RECORD_HEADER_BYTES));
    this.#nonce.next();
  }

  /** Goes on with the next key. */
  update(): void {
    this.#secret = nextSecret(this.#suite.hash, this.#secret);
    this.#sealer.free();
    this.#rekey();
  }

  /** Forgets the keys. */
  free(): void {
    this.#secret.fill(0);
    this.#sealer.free();
  }

  #rekey(): void {
    const { aead, hash } = this.#suite;
    const { key, iv } = trafficKeys(hash, this.#secret, keyBytes(aead));
    this.#sealer = new Sealer(aead, key);
    this.#nonce = new Nonce(iv);
  }
}

/** Opens the records of the other direction. */
export class RecordOpener {
  readonly #suite: Suite;
  #secret: Buffer;
  #opener!: Opener;
  #nonce!: Nonce;
  /** Content type of the record that was opened last. */
  type = 0;

  constructor(suite: Suite, secret: Buffer) {
    this.#suite = suite;
    this.#secret = secret;
    this.#rekey();
  }

  /**
   * Length of the record whose header stands at `at`, all in. Throws a `badRecord` where no such record may come; the
   * header must be there in full.
   */
  static length(bytes: Buffer, at: number): number {
    const [type, sealed] = [bytes[at], bytes.readUInt16BE(at + 3)];
    if (type !== ContentType.DATA || bytes.readUInt16BE(at + 1) !== 0x0303)
      throw badRecord(Alert.UNEXPECTED_MESSAGE, `a record of type ${type} after the handshake`);
    if (sealed > MAX_SEALED_BYTES) throw badRecord(Alert.RECORD_OVERFLOW, `a record of ${sealed} bytes`);
    return RECORD_HEADER_BYTES + sealed;
  }

  /**
   * Writes the content to the front of `out` and returns its length; its type is `type` then. `out` needs room for the
   * whole record. Throws a `badRecord` where it is forged or malformed.
   */
  open(record: Buffer, out: Buffer): number {
    const sealed = record.subarray(RECORD_HEADER_BYTES);
    const header = record.subarray(0, RECORD_HEADER_BYTES);
    if (!this.#opener.open(this.#nonce.bytes, header, sealed, out))
      throw badRecord(Alert.BAD_RECORD_MAC, "a record that the other end did not seal");
    this.#nonce.next();
    let last = sealed.length - TAG_BYTES - 1;
    while (last >= 0 && out[last] === 0) last--;
    if (last < 0) throw badRecord(Alert.UNEXPECTED_MESSAGE, "a record without a type");
    if (last > MAX_CONTENT_BYTES) throw badRecord(Alert.RECORD_OVERFLOW, `${last} bytes in one record`);
    this.type = out[last] ?? 0;
    return last;
  }

  /** Goes on with the next key. */
  update(): void {
    this.#secret = nextSecret(this.#suite.hash, this.#secret);
    this.#opener.free();
    this.#rekey();
  }

  /** Forgets the keys. */
  free(): void {
    this.#secret.fill(0);
    this.#opener.free();
  }

  #rekey(): void {
    const { aead, hash } = this.#suite;
    const { key, iv } = trafficKeys(hash, this.#secret, keyBytes(aead));
    this.#opener = new Opener(aead, key);
    this.#nonce = new Nonce(iv);
  }
}

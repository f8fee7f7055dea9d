import { createCipheriv } from "node:crypto";
import { messageOf, SennitError } from "../base/errors.ts";
import { embeddedOpenssl, type Evp } from "./ffi/openssl.ts";

/* openssl/evp.h */
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;

/** Of all three ciphers (RFC 5116 section 5.1, RFC 8439 section 2.8). */
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

const KEY_BYTES = { "aes-128-gcm": 16, "aes-256-gcm": 32, "chacha20-poly1305": 32 } as const;
export type AeadName = keyof typeof KEY_BYTES;

/** The length of a cipher's key. */
export const keyBytes = (name: AeadName): number => KEY_BYTES[name];

/** Where OpenSSL says how much it wrote, which we know. */
const written = Buffer.alloc(4);

/** A cipher with its key in OpenSSL's hands; node:crypto would make a new one for every message, at five times the cost. */
abstract class Context {
  protected readonly evp: Evp;
  #context: number;

  constructor(evp: Evp) {
    this.evp = evp;
    this.#context = evp.create();
    if (this.#context === 0) throw broken("no memory for a cipher");
  }

  protected get context(): number {
    if (this.#context === 0) throw broken("a cipher was used after it was given up");
    return this.#context;
  }

  /** Forgets the key. To be called once it is not needed any more; nothing else frees it. Harmless when done before. */
  free(): void {
    if (this.#context !== 0) this.evp.free(this.#context);
    this.#context = 0;
  }
}

/** Seals messages under one key. A nonce must never come twice. */
export class Sealer extends Context {
  /** Throws `no-openssl` where OpenSSL can't be called directly (see `aeadProblem`). */
  constructor(name: AeadName, key: Buffer) {
    super(openssl());
    checkKey(name, key);
    if (this.evp.encryptInit(this.context, cipherOf(this.evp, name), 0, key, null) !== 1)
      throw broken(`${name} does not take its key`);
  }

  /** Seals in place: the last 16 of `bytes` are room for the tag, all before them is the message. */
  seal(nonce: Buffer, associated: Buffer, bytes: Buffer): void {
    const { context, evp } = this;
    const length = bytes.length - TAG_BYTES;
    checkNonce(nonce);
    if (length < 0) throw broken(`no room for a tag in ${bytes.length} bytes`);
    const sealed =
      evp.encryptInit(context, 0, 0, null, nonce) === 1 &&
      evp.encryptUpdate(context, null, written, associated, associated.length) === 1 &&
      evp.encryptUpdate(context, bytes, written, bytes, length) === 1 &&
      evp.encryptFinish(context, scratch, written) === 1 &&
      evp.control(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, scratch) === 1;
    if (!sealed) throw broken("a message could not be sealed");
    scratch.copy(bytes, length);
  }
}

/** Opens messages under one key. */
export class Opener extends Context {
  /** Throws `no-openssl` where OpenSSL can't be called directly (see `aeadProblem`). */
  constructor(name: AeadName, key: Buffer) {
    super(openssl());
    checkKey(name, key);
    if (this.evp.decryptInit(this.context, cipherOf(this.evp, name), 0, key, null) !== 1)
      throw broken(`${name} does not take its key`);
  }

  /**
   * Writes the message to the front of `out`, which must have room for it and lie apart from `sealed`. False where it was
   * not sealed with this key, nonce and associated data: then what `out` holds is worthless.
   */
  open(nonce: Buffer, associated: Buffer, sealed: Buffer, out: Buffer): boolean {
    const { context, evp } = this;
    const length = sealed.length - TAG_BYTES;
    checkNonce(nonce);
    if (length < 0) return false;
    if (out.length < length) throw broken(`no room for ${length} bytes in ${out.length}`);
    sealed.copy(scratch, 0, length);
    return (
      evp.decryptInit(context, 0, 0, null, nonce) === 1 &&
      evp.control(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, scratch) === 1 &&
      evp.decryptUpdate(context, null, written, associated, associated.length) === 1 &&
      evp.decryptUpdate(context, out, written, sealed, length) === 1 &&
      evp.decryptFinish(context, scratch, written) === 1
    );
  }
}

/** A tag, and what the last call of a message may write: nothing, with these ciphers. */
const scratch = Buffer.alloc(TAG_BYTES);

let problem: string | null | undefined;

/** Why messages can't be sealed by direct calls in this Node; undefined where they can, and come out as node:crypto's do. */
export function aeadProblem(): string | undefined {
  problem ??= tryOut() ?? null;
  return problem ?? undefined;
}

function tryOut(): string | undefined {
  const [key, nonce, message] = [Buffer.alloc(16, 1), Buffer.alloc(NONCE_BYTES, 2), Buffer.alloc(1400, 3)];
  const reference = createCipheriv("aes-128-gcm", key, nonce);
  const expected = Buffer.concat([reference.update(message), reference.final(), reference.getAuthTag()]);
  try {
    const sealer = new Sealer("aes-128-gcm", key);
    const sealed = Buffer.concat([message, Buffer.alloc(TAG_BYTES)]);
    sealer.seal(nonce, Buffer.alloc(0), sealed);
    sealer.free();
    return sealed.equals(expected) ? undefined : "seals differently from node:crypto";
  } catch (error) {
    return messageOf(error);
  }
}

/** The version of the OpenSSL that is called. */
export const opensslVersion = (): string => openssl().version(0);

function openssl(): Evp {
  const evp = embeddedOpenssl();
  if (evp instanceof Error) throw new SennitError("kernel", "no-openssl", evp.message);
  return evp;
}

function cipherOf(evp: Evp, name: AeadName): number {
  switch (name) {
    case "aes-128-gcm":
      return evp.aes128Gcm();
    case "aes-256-gcm":
      return evp.aes256Gcm();
    case "chacha20-poly1305":
      return evp.chacha20Poly1305();
  }
}

/** OpenSSL reads as many bytes as the cipher wants, whatever it is given. */
function checkKey(name: AeadName, key: Buffer): void {
  if (key.length !== KEY_BYTES[name]) throw broken(`a key of ${key.length} bytes for ${name}`);
}

function checkNonce(nonce: Buffer): void {
  if (nonce.length !== NONCE_BYTES) throw broken(`a nonce of ${nonce.length} bytes`);
}

const broken = (what: string): SennitError => new SennitError("bug", "aead", what);

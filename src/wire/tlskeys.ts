import { createHmac } from "node:crypto";

/** The key schedule of TLS 1.3 after the handshake (RFC 8446 section 7). */

export type HashName = "sha256" | "sha384";

export interface TrafficKeys {
  readonly key: Buffer;
  /** 12 bytes: each record's nonce is this XOR its number. */
  readonly iv: Buffer;
}

const IV_BYTES = 12;

/** Key and IV of one direction (section 7.3). `keyBytes` is at most the hash's length. */
export function trafficKeys(hash: HashName, secret: Buffer, keyBytes: number): TrafficKeys {
  return {
    key: expandLabel(hash, secret, "key", keyBytes),
    iv: expandLabel(hash, secret, "iv", IV_BYTES),
  };
}

/** The secret that takes the place of `secret` after a KeyUpdate (section 7.2). */
export function nextSecret(hash: HashName, secret: Buffer): Buffer {
  return expandLabel(hash, secret, "traffic upd", secret.length);
}

/** HKDF-Expand-Label with an empty context (section 7.1); one block of HKDF-Expand (RFC 5869 section 2.3) is enough here. */
function expandLabel(hash: HashName, secret: Buffer, label: string, length: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.of(length >> 8, length & 0xff, full.length), full, Buffer.of(0, 1)]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

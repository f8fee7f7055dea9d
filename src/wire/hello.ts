import { createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { malformed, Reader } from "./bytes.ts";
import { FEATURES, VERSION_MAX, VERSION_MIN } from "./constants.ts";

/** Label of the TLS exporter (RFC 8446 section 7.5) whose 32 bytes the router signs: the proof is for this connection alone. */
export const EXPORTER_LABEL = "EXPORTER-sennit-hello";
export const EXPORTER_BYTES = 32;

export const SESSION_ID_BYTES = 16;
/** The part of it that comes first, and that all sessions of one data process of a router have in common. */
export const PROCESS_BYTES = 8;
export const ROUTER_KEY_BYTES = 32;
export const INVITE_ID_BYTES = 8;
export const INVITE_SECRET_BYTES = 24;
const SIGNATURE_BYTES = 64;
const INVITE_BYTES = INVITE_ID_BYTES + INVITE_SECRET_BYTES;
/** Domain separation: a signature made here is of no use anywhere else. */
const SIGNED_PREFIX = Buffer.from("sennit hello 1\0");
/** An Ed25519 public key in SPKI form is this prefix and the 32 bytes of the key (RFC 8410 section 4). */
const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** One use of a join token: lets a key in that the server has not seen before. */
export interface Invite {
  readonly id: Buffer;
  readonly secret: Buffer;
}

/** The router's first words on every carrier. */
export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly features: number;
  readonly session: Buffer;
  /** Counts the carriers of this session, for the logs of both ends. */
  readonly carrier: number;
  /** Raw Ed25519 public key: the router's identity. */
  readonly routerKey: Buffer;
  readonly invite: Invite | undefined;
}

export interface HelloFields {
  readonly session: Buffer;
  readonly carrier: number;
  readonly routerKey: Buffer;
  readonly invite: Invite | undefined;
  readonly versionMin?: number;
  readonly versionMax?: number;
}

/** HELLO's body, signed with the router's private key over this connection's exporter bytes. */
export function encodeHello(fields: HelloFields, privateKey: KeyObject, exporter: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(fields.versionMin ?? VERSION_MIN, 0);
  head.writeUInt8(fields.versionMax ?? VERSION_MAX, 1);
  head.writeUInt32BE(FEATURES, 4);
  const carrier = Buffer.alloc(4);
  carrier.writeUInt32BE(fields.carrier);
  const invite = fields.invite === undefined ? [] : [fields.invite.id, fields.invite.secret];
  const body = Buffer.concat([
    head,
    fields.session,
    carrier,
    fields.routerKey,
    Buffer.of(fields.invite === undefined ? 0 : INVITE_BYTES),
    ...invite,
  ]);
  return Buffer.concat([body, sign(null, signedText(exporter, body), privateKey)]);
}

export interface DecodedHello {
  readonly hello: Hello;
  /** Whether the signature is the key owner's, made on this very connection. */
  readonly verify: (exporter: Buffer) => boolean;
}

/**
 * The versions that the sender of a HELLO speaks. These two bytes keep their place in every version to come, so that a
 * HELLO of another form is told from a broken one. Throws `truncated`.
 */
export function offeredVersions(body: Buffer): Pick<Hello, "versionMin" | "versionMax"> {
  const reader = new Reader(body, "HELLO");
  return { versionMin: reader.u8(), versionMax: reader.u8() };
}

/** HELLO from its body. Throws `truncated` or `malformed`; a wrong signature is told by `verify`, so that it can be answered. */
export function decodeHello(body: Buffer): DecodedHello {
  const reader = new Reader(body, "HELLO");
  const [versionMin, versionMax] = [reader.u8(), reader.u8()];
  reader.u16();
  const features = reader.u32();
  const session = reader.take(SESSION_ID_BYTES);
  const carrier = reader.u32();
  const routerKey = reader.take(ROUTER_KEY_BYTES);
  const inviteLength = reader.u8();
  if (inviteLength !== 0 && inviteLength !== INVITE_BYTES)
    throw malformed("malformed", "HELLO with a broken invite");
  const invite =
    inviteLength === 0
      ? undefined
      : { id: reader.take(INVITE_ID_BYTES), secret: reader.take(INVITE_SECRET_BYTES) };
  const signed = body.subarray(0, reader.position);
  const signature = reader.take(SIGNATURE_BYTES);
  reader.end();
  return {
    hello: { versionMin, versionMax, features, session, carrier, routerKey, invite },
    verify: (exporter) => {
      try {
        return verify(null, signedText(exporter, signed), publicKeyOf(routerKey), signature);
      } catch {
        // 32 bytes that are no point of the curve: no key, so no signature of it.
        return false;
      }
    },
  };
}

/** The version both sides speak, the highest there is, or undefined. */
export function commonVersion(hello: Pick<Hello, "versionMin" | "versionMax">): number | undefined {
  const version = Math.min(hello.versionMax, VERSION_MAX);
  return version >= Math.max(hello.versionMin, VERSION_MIN) ? version : undefined;
}

/** The key object for a raw Ed25519 public key. */
export function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, raw]), format: "der", type: "spki" });
}

/** The raw 32 bytes of an Ed25519 key, private or public. */
export function rawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ format: "der", type: "spki" }).subarray(ED25519_SPKI_PREFIX.length);
}

function signedText(exporter: Buffer, body: Buffer): Buffer {
  return Buffer.concat([SIGNED_PREFIX, exporter, body]);
}

/** The server's answer to a HELLO it accepts. */
export interface Welcome {
  readonly version: number;
  readonly features: number;
  /** Changes when the server's data process lost its memory: a router then knows that its flows are gone. */
  readonly instance: Buffer;
}

const INSTANCE_BYTES = 16;

export function encodeWelcome(welcome: Welcome): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(welcome.version, 0);
  head.writeUInt32BE(welcome.features, 4);
  return Buffer.concat([head, welcome.instance]);
}

export function decodeWelcome(body: Buffer): Welcome {
  const reader = new Reader(body, "WELCOME");
  const version = reader.u8();
  reader.take(3);
  const features = reader.u32();
  const instance = reader.take(INSTANCE_BYTES);
  reader.end();
  return { version, features, instance };
}

/** The server's answer to a HELLO it does not accept; the connection ends after it. */
export interface Rejection {
  readonly code: number;
  /** For the router's log. At most 200 characters are sent. */
  readonly message: string;
}

export function encodeReject(rejection: Rejection): Buffer {
  return Buffer.concat([Buffer.of(rejection.code), Buffer.from(rejection.message.slice(0, 200))]);
}

export function decodeReject(body: Buffer): Rejection {
  const reader = new Reader(body, "REJECT");
  const code = reader.u8();
  // What a stranger sends ends in a log: printable characters only.
  const message = reader
    .rest()
    .toString("utf8")
    .replaceAll(/[^\x20-\x7e]/g, "?");
  return { code, message };
}

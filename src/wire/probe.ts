import { createHmac, timingSafeEqual } from "node:crypto";
import { readOffset, writeOffset } from "./bytes.ts";
import { SESSION_ID_BYTES } from "./hello.ts";

/**
 * Probes: one small datagram asks whether a path is alive, one of the same size answers. Both are authentic by a key
 * that the server told the router of that session over a carrier.
 */
export interface Probe {
  readonly kind: "ask" | "answer";
  /** The router's number for the path. */
  readonly path: number;
  /** 16 bytes: which session's key. */
  readonly session: Buffer;
  /** Counts the probes of this path from 1; an answer has that of its question. */
  readonly number: number;
}

const KINDS = { ask: 1, answer: 2 } as const;
const PATH_AT = 2;
const SESSION_AT = 4;
const NUMBER_AT = SESSION_AT + SESSION_ID_BYTES;
const TAG_AT = NUMBER_AT + 8;
const TAG_BYTES = 16;
export const PROBE_BYTES = TAG_AT + TAG_BYTES;

export const PROBE_KEY_BYTES = 32;
const KEY_LABEL = "sennit probe 1\0";

/** What the keys of all sessions are made from, by the server's own key: all its threads have that, and after a restart as well. */
export function probeSecret(serverKey: string): Buffer {
  return createHmac("sha256", serverKey).update(KEY_LABEL).digest();
}

/** The key of a session's probes, from that secret: the server needs to remember none. */
export function probeKey(secret: Buffer, session: Buffer): Buffer {
  return createHmac("sha256", secret).update(KEY_LABEL).update(session).digest();
}

export function encodeProbe({ kind, path, session, number }: Probe, key: Buffer): Buffer {
  const bytes = Buffer.alloc(PROBE_BYTES);
  bytes.writeUInt8(KINDS[kind], 0);
  bytes.writeUInt16BE(path, PATH_AT);
  session.copy(bytes, SESSION_AT);
  writeOffset(bytes, number, NUMBER_AT);
  tagOf(bytes, key).copy(bytes, TAG_AT);
  return bytes;
}

/** A datagram that has the form of a probe; undefined for any other. Whether it is authentic, `isAuthentic` tells. */
export function decodeProbe(bytes: Buffer): Probe | undefined {
  if (bytes.length !== PROBE_BYTES) return undefined;
  const kind =
    bytes.readUInt8(0) === KINDS.ask ? "ask" : bytes.readUInt8(0) === KINDS.answer ? "answer" : undefined;
  const number = readOffset(bytes, NUMBER_AT);
  if (kind === undefined || bytes.readUInt8(1) !== 0 || Number.isNaN(number)) return undefined;
  const session = Buffer.from(bytes.subarray(SESSION_AT, NUMBER_AT));
  return { kind, path: bytes.readUInt16BE(PATH_AT), session, number };
}

export function isAuthentic(bytes: Buffer, key: Buffer): boolean {
  return timingSafeEqual(tagOf(bytes, key), bytes.subarray(TAG_AT));
}

function tagOf(bytes: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(bytes.subarray(0, TAG_AT)).digest().subarray(0, TAG_BYTES);
}

import { createHash } from "node:crypto";
import { formatEndpoint, parseEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import { Reader } from "./bytes.ts";
import { INVITE_ID_BYTES, INVITE_SECRET_BYTES, type Invite } from "./hello.ts";

/** What a router needs to find a server, to know it, and to be let in once. */
export interface JoinToken {
  /** HOST:PORT, as the operator gave them; IPv6 addresses in brackets. At least one. */
  readonly endpoints: readonly string[];
  /** SHA-256 of the server's public key in SPKI form (RFC 7469 section 2.4 pins the same way). */
  readonly serverPin: Buffer;
  readonly invite: Invite;
}

const PREFIX = "sennit1.";
const PIN_BYTES = 32;
const CHECKSUM_BYTES = 4;
export const MAX_ENDPOINTS = 8;

/**
 * `sennit1.` and base64url of: pin, invite id, invite secret, endpoints (each with a length byte), checksum.
 * Throws what `decodeToken` would throw on the same contents.
 */
export function encodeToken(token: JoinToken): string {
  checkCount(token.endpoints.length);
  const endpoints = token.endpoints.map((endpoint) => {
    const text = Buffer.from(formatEndpoint(parseEndpoint(endpoint)));
    return Buffer.concat([Buffer.of(text.length), text]);
  });
  const body = Buffer.concat([
    token.serverPin,
    token.invite.id,
    token.invite.secret,
    Buffer.of(endpoints.length),
    ...endpoints,
  ]);
  return PREFIX + Buffer.concat([body, checksum(body)]).toString("base64url");
}

/** The token from what a person pasted. Throws class `config`, code `bad-token`, with what is wrong with it. */
export function decodeToken(text: string): JoinToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) throw badToken(`it does not begin with "${PREFIX}"`);
  const encoded = trimmed.slice(PREFIX.length);
  if (!/^[\w-]+$/.test(encoded)) throw badToken("it holds characters that no token has");
  const bytes = Buffer.from(encoded, "base64url");
  // The last character may hold bits that stand for nothing, which Node's decoder overlooks.
  if (bytes.toString("base64url") !== encoded)
    throw badToken("its last character is wrong, or one is missing");
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (!checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) {
    throw badToken("its checksum is wrong: a part is missing or mistyped");
  }
  try {
    return decodeBody(body);
  } catch (error) {
    throw badToken("its contents make no sense", error);
  }
}

function decodeBody(body: Buffer): JoinToken {
  const reader = new Reader(body, "join token");
  const serverPin = reader.take(PIN_BYTES);
  const invite = { id: reader.take(INVITE_ID_BYTES), secret: reader.take(INVITE_SECRET_BYTES) };
  const count = reader.u8();
  checkCount(count);
  const endpoints = Array.from({ length: count }, () =>
    formatEndpoint(parseEndpoint(reader.take(reader.u8()).toString())),
  );
  reader.end();
  return { endpoints, serverPin, invite };
}

function checkCount(endpoints: number): void {
  if (endpoints === 0 || endpoints > MAX_ENDPOINTS) {
    throw badToken(`it names ${endpoints} endpoints, allowed are 1 to ${MAX_ENDPOINTS}`);
  }
}

function checksum(body: Buffer): Buffer {
  return createHash("sha256").update(PREFIX).update(body).digest().subarray(0, CHECKSUM_BYTES);
}

function badToken(why: string, cause?: unknown): SennitError {
  return new SennitError("config", "bad-token", `this is not a join token: ${why}`, {
    remedy: "copy the whole line that `sennit server invite` printed",
    cause,
  });
}

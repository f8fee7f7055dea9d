import { SennitError } from "../base/errors.ts";

/* linux/netlink.h */
const HEADER_SIZE = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_ROOT_MATCH = 0x300;
const NLM_F_CREATE = 0x400;
const ATTRIBUTE_HEADER_SIZE = 4;
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const ALIGNMENT = 4;

const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/** `dump` asks for everything that matches, the others for an acknowledgement; `create` makes what is not there. */
const FLAGS = { dump: NLM_F_ROOT_MATCH, act: NLM_F_ACK, create: NLM_F_ACK | NLM_F_CREATE } as const;

export function encodeMessage(type: number, kind: keyof typeof FLAGS, payload: Buffer): Buffer {
  const message = Buffer.alloc(HEADER_SIZE + payload.length);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(NLM_F_REQUEST | FLAGS[kind], 6);
  payload.copy(message, HEADER_SIZE);
  return message;
}

export function encodeAttribute(type: number, value: Buffer): Buffer {
  const length = ATTRIBUTE_HEADER_SIZE + value.length;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, ATTRIBUTE_HEADER_SIZE);
  return bytes;
}

/** What one datagram from the kernel said. */
export interface Answers {
  readonly payloads: readonly Buffer[];
  /** The errno that ended the conversation (0 for success), undefined while more is to come. */
  readonly end: number | undefined;
}

/** Fails with `kernel` `bad-netlink` on lengths that do not fit. */
export function decodeAnswers(bytes: Buffer): Answers {
  const payloads: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.length - at < HEADER_SIZE ? 0 : bytes.readUInt32LE(at);
    if (length < HEADER_SIZE || at + length > bytes.length) throw malformed("message", at, bytes);
    const payload = bytes.subarray(at + HEADER_SIZE, at + length);
    const type = bytes.readUInt16LE(at + 4);
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      if (payload.length < 4) throw malformed("errno", at, bytes);
      return { payloads, end: Math.abs(payload.readInt32LE(0)) };
    }
    payloads.push(payload);
    at += aligned(length);
  }
  return { payloads, end: undefined };
}

/** Attributes by type. Fails with `kernel` `bad-netlink` on lengths that do not fit. */
export function decodeAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const length = bytes.length - at < ATTRIBUTE_HEADER_SIZE ? 0 : bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_SIZE || at + length > bytes.length) throw malformed("attribute", at, bytes);
    attributes.set(
      bytes.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK,
      bytes.subarray(at + ATTRIBUTE_HEADER_SIZE, at + length),
    );
    at += aligned(length);
  }
  return attributes;
}

function malformed(what: string, at: number, bytes: Buffer): SennitError {
  return new SennitError("kernel", "bad-netlink", `netlink ${what} at byte ${at} of ${bytes.length} is cut`);
}

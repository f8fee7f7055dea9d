import { SennitError } from "../base/errors.ts";
import { type Endpoint, encodeSockaddr, familyOf, formatAddress } from "./ffi/sockaddr.ts";
import { decodeAttributes, encodeMessage } from "./netlink.ts";
import { tcpState, type TcpState } from "./tcpinfo.ts";

/* linux/sock_diag.h, linux/inet_diag.h */
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const REQUEST_SIZE = 56;
const ID_AT = 8;
const MESSAGE_SIZE = 72;
const MESSAGE_ID_AT = 4;
const ID_SIZE = 48;
const IPPROTO_TCP = 6;
/** INET_DIAG_NOCOOKIE, byte by byte. */
const NO_COOKIE = 0xff;
/** Where struct sockaddr_in6 has its address; a v4-mapped one has the IPv4 address at its end. */
const SOCKADDR_ADDRESS_AT = 8;
const SOCKADDR_END = 24;
/** 1 << (INET_DIAG_INFO - 1): without it, INET_DIAG_ULP_INFO is left out as well. */
const WITH_INFO = 2;
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_MPTCP = 3;
/* linux/mptcp.h: MPTCP_SUBFLOW_ATTR_* and MPTCP_SUBFLOW_FLAG_* */
const ATTR_TOKEN_LOCAL = 2;
const ATTR_FLAGS = 8;
const ATTR_ID_REMOTE = 9;
const ATTR_ID_LOCAL = 10;
const FLAG_BACKUP_REMOTE = 1 << 4;
const FLAG_BACKUP_LOCAL = 1 << 5;

export const FAMILIES = { 4: 2, 6: 10 } as const;
export type Family = keyof typeof FAMILIES;

/** All but LISTEN (10) and TIME-WAIT (6): what carries or may carry bytes. */
const LIVE_STATES = 0xfff & ~(1 << 10) & ~(1 << 6);

/** A TCP socket of the namespace. */
export interface DiagSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: TcpState;
  /** Index of the device it is bound to; 0 for none. */
  readonly device: number;
  /** Where this socket is a subflow of an MPTCP connection. */
  readonly subflow: SubflowIds | undefined;
  /** The kernel's own name for it: family, then struct inet_diag_sockid. */
  readonly id: { readonly family: number; readonly bytes: Buffer };
}

export interface SubflowIds {
  /** Token of the connection, as in its ConnectionInfo. */
  readonly token: number;
  readonly localId: number;
  readonly remoteId: number;
  /** One of the two ends asked that it be used only when all others are gone. */
  readonly backup: boolean;
}

/** Asks for the live TCP sockets of a family with these ports. */
export function encodeList(family: Family, localPort: number, remotePort: number): Buffer {
  const request = Buffer.alloc(REQUEST_SIZE);
  request.writeUInt8(FAMILIES[family], 0);
  request.writeUInt8(IPPROTO_TCP, 1);
  request.writeUInt8(WITH_INFO, 2);
  request.writeUInt32LE(LIVE_STATES, 4);
  request.writeUInt16BE(localPort, ID_AT);
  request.writeUInt16BE(remotePort, ID_AT + 2);
  return encodeMessage(SOCK_DIAG_BY_FAMILY, "dump", request);
}

/**
 * Asks for the one live TCP socket between these two ends that is not bound to a device, by its hash: no other is looked at. Two IPv4
 * ends find it also where its socket is of AF_INET6 (inet_diag_find_one_icsk).
 */
export function encodeFind(local: Endpoint, remote: Endpoint): Buffer {
  const family = familyOf(local.address);
  const request = Buffer.alloc(REQUEST_SIZE);
  request.writeUInt8(FAMILIES[family], 0);
  request.writeUInt8(IPPROTO_TCP, 1);
  request.writeUInt8(WITH_INFO, 2);
  request.writeUInt32LE(LIVE_STATES, 4);
  request.writeUInt16BE(local.port, ID_AT);
  request.writeUInt16BE(remote.port, ID_AT + 2);
  addressBytes(local).copy(request, ID_AT + 4);
  addressBytes(remote).copy(request, ID_AT + 20);
  request.fill(NO_COOKIE, ID_AT + 40, ID_AT + ID_SIZE);
  return encodeMessage(SOCK_DIAG_BY_FAMILY, "act", request);
}

/** Asks to abort one socket; its cookie is in its id, so never another that got the same addresses since. */
export function encodeDestroy(socket: Pick<DiagSocket, "id">): Buffer {
  const request = Buffer.alloc(REQUEST_SIZE);
  request.writeUInt8(socket.id.family, 0);
  request.writeUInt8(IPPROTO_TCP, 1);
  request.writeUInt32LE(LIVE_STATES, 4);
  socket.id.bytes.copy(request, ID_AT);
  return encodeMessage(SOCK_DESTROY, "act", request);
}

/** struct inet_diag_msg and what follows. Fails with `kernel` `short-inet-diag` or `bad-netlink`. */
export function decodeSocket(payload: Buffer): DiagSocket {
  if (payload.length < MESSAGE_SIZE) {
    throw new SennitError("kernel", "short-inet-diag", `inet_diag_msg of ${payload.length} bytes`);
  }
  const family = payload.readUInt8(0);
  const id = payload.subarray(MESSAGE_ID_AT, MESSAGE_ID_AT + ID_SIZE);
  return {
    state: tcpState(payload.readUInt8(1)),
    local: { address: addressAt(family, id, 4), port: id.readUInt16BE(0) },
    remote: { address: addressAt(family, id, 20), port: id.readUInt16BE(2) },
    device: id.readUInt32LE(36),
    subflow: decodeSubflow(decodeAttributes(payload.subarray(MESSAGE_SIZE)).get(INET_DIAG_ULP_INFO)),
    id: { family, bytes: id },
  };
}

function addressBytes(end: Endpoint): Buffer {
  const at = familyOf(end.address) === 4 ? SOCKADDR_END - 4 : SOCKADDR_ADDRESS_AT;
  return encodeSockaddr(end).subarray(at, SOCKADDR_END);
}

function addressAt(family: number, id: Buffer, at: number): string {
  return family === FAMILIES[4] ? id.subarray(at, at + 4).join(".") : formatAddress(id, at);
}

function decodeSubflow(ulp: Buffer | undefined): SubflowIds | undefined {
  const mptcp = ulp && decodeAttributes(ulp).get(INET_ULP_INFO_MPTCP);
  if (mptcp === undefined) return undefined;
  const attributes = decodeAttributes(mptcp);
  const number = (type: number, size: number): number => {
    const value = attributes.get(type);
    return value !== undefined && value.length >= size ? value.readUIntLE(0, size) : 0;
  };
  const flags = number(ATTR_FLAGS, 4);
  return {
    token: number(ATTR_TOKEN_LOCAL, 4),
    localId: number(ATTR_ID_LOCAL, 1),
    remoteId: number(ATTR_ID_REMOTE, 1),
    backup: (flags & (FLAG_BACKUP_LOCAL | FLAG_BACKUP_REMOTE)) !== 0,
  };
}

/** Whether two endpoints are the same, however their addresses were written. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return encodeSockaddr(a).equals(encodeSockaddr(b));
}

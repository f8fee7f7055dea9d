import { SennitError } from "../base/errors.ts";
import { encodeSockaddr, type Endpoint, familyOf } from "./ffi/sockaddr.ts";
import { decodeAttributes, encodeAttribute, encodeMessage } from "./netlink.ts";

/* linux/genetlink.h */
const GENL_ID_CTRL = 16;
const CTRL_VERSION = 2;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** struct genlmsghdr. */
const GENL_HEADER_SIZE = 4;

/* linux/mptcp_pm.h, linux/mptcp.h */
const FAMILY_NAME = "mptcp_pm";
const VERSION = 1;
const CMD_SET_FLAGS = 7;
const CMD_REMOVE = 9;
const CMD_SUBFLOW_CREATE = 10;
const CMD_SUBFLOW_DESTROY = 11;
const ATTR_ADDR = 1;
const ATTR_TOKEN = 4;
const ATTR_LOC_ID = 5;
const ATTR_ADDR_REMOTE = 6;
const ADDR_FAMILY = 1;
const ADDR_ID = 2;
const ADDR_ADDR4 = 3;
const ADDR_ADDR6 = 4;
const ADDR_PORT = 5;
const ADDR_FLAGS = 6;
const FLAG_BACKUP = 4;
/* linux/netlink.h */
const NLA_F_NESTED = 0x8000;

/** AF_INET and AF_INET6. */
const FAMILIES = { 4: 2, 6: 10 } as const;
/** Where struct sockaddr_in6 has its address; a v4-mapped one has the IPv4 address at its end. */
const SOCKADDR_ADDRESS_AT = 8;
const SOCKADDR_END = 24;

/** A subflow to make. `id`, 1 to 255, is the name of the local address until it is left; then it needs another one. */
export interface NewSubflow {
  readonly id: number;
  readonly localAddress: string;
  readonly remote: Endpoint;
  readonly backup: boolean;
}

interface Ends {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** Asks for the number that generic netlink gave to MPTCP's path manager at boot. */
export function encodeFamilyRequest(): Buffer {
  return message(
    GENL_ID_CTRL,
    CTRL_CMD_GETFAMILY,
    [encodeAttribute(CTRL_ATTR_FAMILY_NAME, Buffer.from(`${FAMILY_NAME}\0`))],
    CTRL_VERSION,
  );
}

/** Fails with `kernel` `bad-netlink` where the number is missing. */
export function decodeFamily(payload: Buffer | undefined): number {
  const id = payload && decodeAttributes(payload.subarray(GENL_HEADER_SIZE)).get(CTRL_ATTR_FAMILY_ID);
  if (id === undefined || id.length < 2)
    throw new SennitError("kernel", "bad-netlink", `generic netlink gave no number for ${FAMILY_NAME}`);
  return id.readUInt16LE(0);
}

export function encodeCreate(family: number, token: number, subflow: NewSubflow): Buffer {
  const { id, localAddress, remote, backup } = subflow;
  const local = { address: localAddress, port: 0 };
  return message(family, CMD_SUBFLOW_CREATE, [
    tokenAttribute(token),
    address(ATTR_ADDR, local, [encodeAttribute(ADDR_ID, Buffer.of(id)), flags(backup)]),
    address(ATTR_ADDR_REMOTE, remote),
  ]);
}

/**
 * `mapped`: where the subflow's socket is of AF_INET6 with IPv4 addresses, as the first of a connection of ours is. The
 * kernel compares with the socket's own family (mptcp_nl_find_ssk); those that joined have their addresses'.
 */
export function encodeDestroySubflow(
  family: number,
  token: number,
  { local, remote }: Ends,
  mapped: boolean,
): Buffer {
  return message(family, CMD_SUBFLOW_DESTROY, [
    tokenAttribute(token),
    address(ATTR_ADDR, local, [], mapped),
    address(ATTR_ADDR_REMOTE, remote, [], mapped),
  ]);
}

/** Tells the peer that the address with that id is gone (REMOVE_ADDR, RFC 8684 section 3.4.2). */
export function encodeRemove(family: number, token: number, id: number): Buffer {
  return message(family, CMD_REMOVE, [tokenAttribute(token), encodeAttribute(ATTR_LOC_ID, Buffer.of(id))]);
}

/** For both directions: the peer is told by MP_PRIO (RFC 8684 section 3.3.8). */
export function encodeSetBackup(
  family: number,
  token: number,
  { local, remote }: Ends,
  backup: boolean,
): Buffer {
  return message(family, CMD_SET_FLAGS, [
    tokenAttribute(token),
    address(ATTR_ADDR, local, [flags(backup)]),
    address(ATTR_ADDR_REMOTE, remote),
  ]);
}

function message(type: number, command: number, attributes: readonly Buffer[], version = VERSION): Buffer {
  return encodeMessage(type, "act", Buffer.concat([Buffer.of(command, version, 0, 0), ...attributes]));
}

const tokenAttribute = (token: number): Buffer => encodeAttribute(ATTR_TOKEN, u32(token));
const flags = (backup: boolean): Buffer => encodeAttribute(ADDR_FLAGS, u32(backup ? FLAG_BACKUP : 0));

/** A port of 0 is left out: the kernel chooses, or takes any. */
function address(
  type: number,
  { address, port }: Endpoint,
  more: readonly Buffer[] = [],
  mapped = false,
): Buffer {
  const family = mapped ? 6 : familyOf(address);
  const length = family === 4 ? 4 : 16;
  const sockaddr = encodeSockaddr({ address, port });
  const bytes = sockaddr.subarray(family === 4 ? SOCKADDR_END - length : SOCKADDR_ADDRESS_AT, SOCKADDR_END);
  const parts = [
    encodeAttribute(ADDR_FAMILY, u16(FAMILIES[family])),
    encodeAttribute(family === 4 ? ADDR_ADDR4 : ADDR_ADDR6, bytes),
    ...(port === 0 ? [] : [encodeAttribute(ADDR_PORT, u16(port))]),
    ...more,
  ];
  return encodeAttribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { formatEndpoint as formatHostPort } from "../../base/endpoint.ts";
import { SennitError } from "../../base/errors.ts";

/* linux/socket.h, linux/in.h, linux/in6.h */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN_SIZE = 16;
const PORT_AT = 2;
const ADDRESS4_AT = 4;
const ADDRESS6_AT = 8;
export const SOCKADDR_IN6_SIZE = 28;

const V4_IN_V6_AT = 12;
const MAX_PORT = 0xffff;

/** One end of a connection. An IPv4 address is always written plainly, never as `::ffff:a.b.c.d`. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** "192.0.2.1:443", "[2001:db8::1]:443". */
export function formatEndpoint({ address, port }: Endpoint): string {
  return formatHostPort({ host: address, port });
}

/** The family of an address as `normalAddress` writes it. */
export const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);

/**
 * An address in the one form we use: dotted quad, or RFC 5952; a v4-mapped address as plain IPv4.
 * Fails with cause class `config`, code `bad-address`: names, zones ("%eth0") and short forms are not addresses here.
 */
export function normalAddress(address: string): string {
  return formatAddress(addressBytes(address), 0);
}

/** The endpoint with its address in normal form. Fails with `config` `bad-address` or `bad-port`. */
export function normalEndpoint({ address, port }: Endpoint): Endpoint {
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw new SennitError("config", "bad-port", `not a TCP port: ${port}`);
  }
  return { address: normalAddress(address), port };
}

/** struct sockaddr_in6; IPv4 as a v4-mapped address (RFC 4291, section 2.5.5.2). Fails with `bad-address`, `bad-port`. */
export function encodeSockaddr(endpoint: Endpoint): Buffer {
  const { address, port } = normalEndpoint(endpoint);
  const sockaddr = Buffer.alloc(SOCKADDR_IN6_SIZE);
  sockaddr.writeUInt16LE(AF_INET6, 0);
  sockaddr.writeUInt16BE(port, PORT_AT);
  sockaddr.set(addressBytes(address), ADDRESS6_AT);
  return sockaddr;
}

/** struct sockaddr_in, of an IPv4 endpoint. Fails with `bad-address`, `bad-port`. */
export function encodeSockaddr4(endpoint: Endpoint): Buffer {
  const mapped = encodeSockaddr(endpoint);
  const sockaddr = Buffer.alloc(SOCKADDR_IN_SIZE);
  sockaddr.writeUInt16LE(AF_INET, 0);
  mapped.copy(sockaddr, PORT_AT, PORT_AT, PORT_AT + 2);
  mapped.copy(sockaddr, ADDRESS4_AT, ADDRESS6_AT + V4_IN_V6_AT);
  return sockaddr;
}

/** Reads a struct sockaddr_in or sockaddr_in6 at `at`; undefined when it is neither, or cut short. */
export function decodeSockaddr(bytes: Buffer, at = 0): Endpoint | undefined {
  if (bytes.length < at + SOCKADDR_IN_SIZE) return undefined;
  const family = bytes.readUInt16LE(at);
  const port = bytes.readUInt16BE(at + PORT_AT);
  if (family === AF_INET) return { address: formatV4(bytes, at + ADDRESS4_AT), port };
  if (family !== AF_INET6 || bytes.length < at + SOCKADDR_IN6_SIZE) return undefined;
  return { address: formatAddress(bytes, at + ADDRESS6_AT), port };
}

/** The 16 bytes of an address in an AF_INET6 socket. */
function addressBytes(address: string): Uint8Array {
  const family = address.includes("%") ? 0 : isIP(address);
  if (family === 0) {
    throw new SennitError("config", "bad-address", `not an IP address: ${JSON.stringify(address)}`);
  }
  const parsed = ipaddr.parse(address);
  return Uint8Array.from(
    (parsed.kind() === "ipv4" ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : parsed).toByteArray(),
  );
}

/** The text of the 16 bytes at `at`. */
export function formatAddress(bytes: Uint8Array, at: number): string {
  return isMapped(bytes, at)
    ? formatV4(bytes, at + V4_IN_V6_AT)
    : ipaddr.fromByteArray(Array.from(bytes.subarray(at, at + 16))).toString();
}

function formatV4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

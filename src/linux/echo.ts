import { randomBytes } from "node:crypto";
import { SennitError } from "../base/errors.ts";
import { check, libc } from "./ffi/libc.ts";
import { encodeSockaddr, encodeSockaddr4, familyOf, normalAddress } from "./ffi/sockaddr.ts";
import { inNetns } from "./netns.ts";

export interface EchoOptions {
  readonly address: string;
  /** Of the same family. */
  readonly localAddress: string;
  /** Device that it is bound to, whatever the routing table prefers (SO_BINDTODEVICE). */
  readonly device: string;
  readonly timeoutMs: number;
}

/**
 * Asks a host for an echo (ICMP, ICMPv6), once; whether it came in time. What cannot be sent is not answered. Throws
 * `kernel` EPERM without CAP_NET_RAW.
 */
export type Echo = (options: EchoOptions) => Promise<boolean>;

/* linux/socket.h, linux/in.h, linux/icmp.h, linux/icmpv6.h */
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SO_BINDTODEVICE = [1, 25] as const;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** [domain, protocol, request, answer, the option that lets only the answer through]. A filter's bits are what it drops. */
const FAMILIES = {
  4: { domain: 2, protocol: 1, request: 8, answer: 0, filter: [255, 1, 4] },
  6: { domain: 10, protocol: 58, request: 128, answer: 129, filter: [58, 1, 32] },
} as const;

const HEADER_SIZE = 8;
/** By which an answer is known as ours. */
const TOKEN_SIZE = 16;
const RECEIVE_SIZE = 2048;
/** Node waits for no such socket: it is looked at so often (ms) for the little time until the answer is there. */
const LOOK_MS = 25;

/** The kernel's own, of this process's network namespace or of the one at `netns`. */
export function kernelEcho(netns?: string): Echo {
  return (options) => ask(options, netns);
}

/** A raw socket: for datagrams of ICMP the kernel wants a setting (net.ipv4.ping_group_range) that is not ours. */
async function ask(options: EchoOptions, netns: string | undefined): Promise<boolean> {
  const fd = netns === undefined ? open(options) : inNetns(netns, () => open(options));
  try {
    const family = familyOf(normalAddress(options.address));
    const token = randomBytes(TOKEN_SIZE);
    const request = encodeRequest(family, token);
    if (libc.send(fd, request, request.length, MSG_DONTWAIT_NOSIGNAL) < 0) return false;
    const buffer = Buffer.alloc(RECEIVE_SIZE);
    for (const end = performance.now() + options.timeoutMs; performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      for (;;) {
        const length = libc.recv(fd, buffer, buffer.length, MSG_DONTWAIT_NOSIGNAL);
        if (length < 0) break;
        if (isAnswer(family, buffer.subarray(0, length), token)) return true;
      }
    }
    return false;
  } finally {
    libc.close(fd);
  }
}

function open({ address, localAddress, device }: EchoOptions): number {
  const family = familyOf(normalAddress(address));
  if (familyOf(normalAddress(localAddress)) !== family)
    throw new SennitError("config", "EAFNOSUPPORT", `echo of ${address} to ${localAddress}`);
  const { domain, protocol, answer, filter } = FAMILIES[family];
  const fd = check(libc.socket(domain, SOCK_RAW_NONBLOCK_CLOEXEC, protocol), "socket for icmp");
  try {
    const [level, name, size] = filter;
    const dropped = Buffer.alloc(size, 0xff);
    dropped.writeUInt32LE(~(1 << (answer % 32)) >>> 0, Math.floor(answer / 32) * 4);
    check(libc.setsockopt(fd, level, name, dropped, size), "set the filter of icmp");
    const bound = Buffer.from(`${device}\0`);
    check(libc.setsockopt(fd, ...SO_BINDTODEVICE, bound, bound.length), `bind to ${device}`);
    const sockaddr = family === 4 ? encodeSockaddr4 : encodeSockaddr;
    const [from, to] = [sockaddr({ address: localAddress, port: 0 }), sockaddr({ address, port: 0 })];
    check(libc.bind(fd, from, from.length), `bind ${localAddress}`);
    check(libc.connect(fd, to, to.length), `connect to ${address}`);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** RFC 792 and RFC 4443, section 4.1; the kernel itself makes ICMPv6's checksum. */
function encodeRequest(family: 4 | 6, token: Buffer): Buffer {
  const request = Buffer.concat([Buffer.alloc(HEADER_SIZE), token]);
  request.writeUInt8(FAMILIES[family].request, 0);
  token.copy(request, 4, 0, 4);
  if (family === 4) request.writeUInt16BE(checksum(request), 2);
  return request;
}

function isAnswer(family: 4 | 6, packet: Buffer, token: Buffer): boolean {
  // IPv4's raw sockets hand out the IP header, too.
  const start = family === 4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 0;
  const answer = packet.subarray(start);
  return answer[0] === FAMILIES[family].answer && answer.subarray(HEADER_SIZE).equals(token);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

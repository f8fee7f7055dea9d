import { SennitError, type Cause } from "../base/errors.ts";
import type { DatagramOptions } from "./datagrams.ts";
import type { DialOptions, ListenOptions, Transport } from "./sockets.ts";
import {
  decodeSockaddr,
  encodeSockaddr,
  encodeSockaddr4,
  type Endpoint,
  familyOf,
  normalAddress,
  SOCKADDR_IN6_SIZE,
} from "./ffi/sockaddr.ts";
import { errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { withOwnPaths } from "./pathmanager.ts";

/* linux/socket.h, linux/net.h, linux/in.h */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const PROTOCOL: Readonly<Record<Transport, number>> = { tcp: 6, mptcp: 262 };

const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

/** [level, name] of a socket option and the word for it in errors. */
type Option = readonly [level: number, name: number, word: string];

/* asm-generic/socket.h */
const SO_REUSEADDR: Option = [1, 2, "SO_REUSEADDR"];
const SO_RCVBUF: Option = [1, 8, "SO_RCVBUF"];
const SO_KEEPALIVE: Option = [1, 9, "SO_KEEPALIVE"];
const SO_LINGER: Option = [1, 13, "SO_LINGER"];
const SO_REUSEPORT: Option = [1, 15, "SO_REUSEPORT"];
const SO_BINDTODEVICE: Option = [1, 25, "SO_BINDTODEVICE"];
const SO_RCVBUFFORCE: Option = [1, 33, "SO_RCVBUFFORCE"];
const SO_MARK: Option = [1, 36, "SO_MARK"];
/* linux/in.h, linux/in6.h */
const IP_TOS: Option = [0, 1, "IP_TOS"];
const IP_TRANSPARENT: Option = [0, 19, "IP_TRANSPARENT"];
const IP_BIND_ADDRESS_NO_PORT: Option = [0, 24, "IP_BIND_ADDRESS_NO_PORT"];
const IPV6_V6ONLY: Option = [41, 26, "IPV6_V6ONLY"];
const IPV6_TCLASS: Option = [41, 67, "IPV6_TCLASS"];
/* linux/tcp.h */
const TCP_NODELAY: Option = [6, 1, "TCP_NODELAY"];
const TCP_KEEPIDLE: Option = [6, 4, "TCP_KEEPIDLE"];
const TCP_KEEPINTVL: Option = [6, 5, "TCP_KEEPINTVL"];
const TCP_NOTSENT_LOWAT: Option = [6, 25, "TCP_NOTSENT_LOWAT"];

/** Errnos that tell about the way to the peer, and those that tell about what we were asked to do. */
const NETWORK = new Set(
  "ECONNREFUSED ECONNRESET ECONNABORTED EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENONET ETIMEDOUT EPIPE".split(
    " ",
  ),
);
const CONFIG = new Set("ENODEV EADDRNOTAVAIL EADDRINUSE EAFNOSUPPORT".split(" "));

/** The SennitError for an errno name that a socket call ended with. */
export function socketError(code: string, what: string, cause?: unknown): SennitError {
  const causeClass: Cause = NETWORK.has(code) ? "network" : CONFIG.has(code) ? "config" : "kernel";
  return new SennitError(causeClass, code, `${what}: ${code}`, { cause });
}

/** A socket ready for connect(2), everything set that must be set before. The caller owns the descriptor. */
export function openDialSocket(options: DialOptions, remoteAddress: string): number {
  const open = (): number => openSocket(options.transport, (fd) => prepareDial(fd, options, remoteAddress));
  return options.paths === "ours" ? withOwnPaths(open) : open();
}

function prepareDial(fd: number, options: DialOptions, remoteAddress: string): void {
  setInt(fd, TCP_NODELAY, 1);
  if (options.device !== undefined) set(fd, SO_BINDTODEVICE, Buffer.from(`${options.device}\0`));
  if (options.mark !== undefined) setInt(fd, SO_MARK, options.mark);
  if (options.tos !== undefined)
    setInt(fd, familyOf(remoteAddress) === 4 ? IP_TOS : IPV6_TCLASS, options.tos);
  if (options.notSentLowat !== undefined) setWhereKnown(fd, TCP_NOTSENT_LOWAT, options.notSentLowat);
  if (options.keepAliveIdleMs !== undefined) {
    const seconds = Math.max(1, Math.floor(options.keepAliveIdleMs / 1000));
    setInt(fd, SO_KEEPALIVE, 1);
    setInt(fd, TCP_KEEPIDLE, seconds);
    // When one probe is lost, the kernel's default of 75 s until the next may be longer than the NAT remembers.
    setInt(fd, TCP_KEEPINTVL, seconds);
  }
  if (options.localAddress !== undefined) {
    const local = normalAddress(options.localAddress);
    if (familyOf(local) !== familyOf(remoteAddress)) {
      throw socketError("EAFNOSUPPORT", `connect ${local} to ${remoteAddress}`);
    }
    // The port is then chosen by connect(2), unique per destination: 28,000 connections to each, not in all.
    if (options.localPort === undefined) setWhereKnown(fd, IP_BIND_ADDRESS_NO_PORT, 1);
    bindTo(fd, { address: local, port: options.localPort ?? 0 });
  }
}

/** A bound socket ready for listen(2). The caller owns the descriptor. */
export function openListenSocket(options: ListenOptions): number {
  return openSocket(options.transport, (fd) => {
    // Else a restart within TIME_WAIT of the old connections would find its port taken.
    setInt(fd, SO_REUSEADDR, 1);
    if (options.shared === true) setInt(fd, SO_REUSEPORT, 1);
    // One bit for both families: the kernel keeps it in the socket, not in the address family's part.
    if (options.transparent === true) setInt(fd, IP_TRANSPARENT, 1);
    if (options.notSentLowat !== undefined) setWhereKnown(fd, TCP_NOTSENT_LOWAT, options.notSentLowat);
    bindTo(fd, options.local);
  });
}

/** A UDP socket of the address's own family, bound. The caller owns the descriptor. */
export function openDatagramSocket({ local, device }: Pick<DatagramOptions, "local" | "device">): number {
  const six = familyOf(local.address) === 6;
  const fd = libc.socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw socketError(errnoName(lastErrno()), "socket for udp");
  try {
    if (device !== undefined) set(fd, SO_BINDTODEVICE, Buffer.from(`${device}\0`));
    bindTo(fd, local, six ? encodeSockaddr(local) : encodeSockaddr4(local));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Makes the coming close(2) send RST instead of FIN and drop what is unsent (socket(7)); on MPTCP, MP_FASTCLOSE. */
export function resetOnClose(fd: number): void {
  const linger = Buffer.alloc(8);
  linger.writeInt32LE(1);
  libc.setsockopt(fd, SO_LINGER[0], SO_LINGER[1], linger, linger.length);
}

/* linux/fcntl.h */
const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same socket, which stays open when the first is closed; -1 where there are too many. */
export function duplicate(fd: number): number {
  return libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/** Gives the kernel what it takes without waiting; how much that is, or -1. */
export function sendNow(fd: number, bytes: Buffer): number {
  return libc.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL);
}

const receiveBuffer = Buffer.alloc(4);

/** The kernel doubles the value, for what it needs beside the bytes (socket(7)). */
export function limitReceiveBuffer(fd: number, bytes: number): void {
  receiveBuffer.writeUInt32LE(bytes);
  for (const [level, name] of [SO_RCVBUFFORCE, SO_RCVBUF])
    if (libc.setsockopt(fd, level, name, receiveBuffer, receiveBuffer.length) === 0) return;
}

const address = Buffer.alloc(SOCKADDR_IN6_SIZE);
const addressLength = Buffer.alloc(4);

/** Where a socket is bound (`local`) or connected to (`remote`); undefined when it is not (any more). */
export function socketEnd(fd: number, end: "local" | "remote"): Endpoint | undefined {
  addressLength.writeUInt32LE(address.length);
  const ask = end === "local" ? libc.getsockname : libc.getpeername;
  return ask(fd, address, addressLength) === 0 ? decodeSockaddr(address) : undefined;
}

/** Both families in one socket: an AF_INET MPTCP socket never joins over IPv6. */
function openSocket(transport: Transport, prepare: (fd: number) => void): number {
  const fd = libc.socket(AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, PROTOCOL[transport]);
  if (fd < 0) throw socketError(errnoName(lastErrno()), `socket for ${transport}`);
  try {
    setInt(fd, IPV6_V6ONLY, 0);
    prepare(fd);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function bindTo(fd: number, local: Endpoint, sockaddr = encodeSockaddr(local)): void {
  if (libc.bind(fd, sockaddr, sockaddr.length) < 0) {
    throw socketError(errnoName(lastErrno()), `bind ${local.address} port ${local.port}`);
  }
}

/** Of an option that MPTCP leaves out, and of one that it names but does not carry out. */
const UNKNOWN_OPTION = new Set(["ENOPROTOOPT", "EOPNOTSUPP"]);

/**
 * What is better with it, and works without: MPTCP sockets learned some options of TCP late (net/mptcp/sockopt.c; 6.1 has
 * none of those that this is called for).
 */
function setWhereKnown(fd: number, option: Option, value: number): void {
  try {
    setInt(fd, option, value);
  } catch (error) {
    if (!(error instanceof SennitError && UNKNOWN_OPTION.has(error.code))) throw error;
  }
}

function setInt(fd: number, option: Option, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  set(fd, option, bytes, value);
}

function set(
  fd: number,
  [level, name, word]: Option,
  value: Buffer,
  shown: string | number = value.toString(),
): void {
  if (libc.setsockopt(fd, level, name, value, value.length) < 0) {
    throw socketError(errnoName(lastErrno()), `set ${word} to ${shown}`);
  }
}

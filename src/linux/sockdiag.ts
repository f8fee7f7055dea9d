import { SennitError } from "../base/errors.ts";
import type { Endpoint } from "./ffi/sockaddr.ts";
import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { decodeAnswers } from "./netlink.ts";
import { inNetns } from "./netns.ts";
import {
  decodeSocket,
  type DiagSocket,
  encodeDestroy,
  encodeList,
  type Family,
  sameEndpoint,
} from "./sockdiagcodec.ts";

export type { DiagSocket, SubflowIds } from "./sockdiagcodec.ts";

/* linux/socket.h, linux/netlink.h */
const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
/** The kernel fills at most 32 KiB per datagram of a dump. */
const RECEIVE_SIZE = 64 * 1024;

const FAMILIES: readonly Family[] = [4, 6];

/** The two ends of a TCP connection or subflow, from our side. */
export interface Tuple {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** `unsupported`: a kernel built without CONFIG_INET_DIAG_DESTROY. */
export type Destroyed = "done" | "not-found" | "not-permitted" | "unsupported";

export interface SockDiag {
  /** The live TCP sockets with these ports (0: any), of every process in the namespace. */
  list(ports: { readonly local: number; readonly remote: number }): readonly DiagSocket[];
  /**
   * Aborts exactly the TCP connection between these two ends, as `ss -K` does. A subflow's MPTCP connection goes on
   * over the others and sends again there what this one had not delivered. Needs CAP_NET_ADMIN.
   */
  destroy(tuple: Tuple): Destroyed;
}

/** Of this process's namespace or of the one at `netns`. Fails with `kernel` and an errno name or `bad-netlink`. */
export function kernelSockDiag(netns?: string): SockDiag {
  const talk = <T>(fn: (fd: number) => T): T => {
    const open = (): number => libc.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    const fd = check(netns === undefined ? open() : inNetns(netns, open), "socket for NETLINK_SOCK_DIAG");
    try {
      return fn(fd);
    } finally {
      libc.close(fd);
    }
  };
  return {
    list: ({ local, remote }) =>
      talk((fd) => FAMILIES.flatMap((family) => list(fd, encodeList(family, local, remote)))),
    destroy: (tuple) => talk((fd) => destroy(fd, tuple)),
  };
}

function list(fd: number, request: Buffer): readonly DiagSocket[] {
  const { payloads, errno } = converse(fd, request);
  if (errno !== 0) throw new SennitError("kernel", errnoName(errno), `list sockets: ${errnoName(errno)}`);
  return payloads.map(decodeSocket);
}

function destroy(fd: number, { local, remote }: Tuple): Destroyed {
  // Looked up first: the kernel wants to be told the device a socket is bound to, and its family (a v4 subflow may
  // be either an AF_INET socket or an AF_INET6 one with v4-mapped addresses).
  for (const family of FAMILIES) {
    const found = list(fd, encodeList(family, local.port, remote.port)).find(
      (socket) => sameEndpoint(socket.local, local) && sameEndpoint(socket.remote, remote),
    );
    if (found === undefined) continue;
    const name = errnoName(converse(fd, encodeDestroy(found)).errno);
    if (name === "errno 0") return "done";
    if (name === "ENOENT") return "not-found";
    if (name === "EPERM" || name === "EACCES") return "not-permitted";
    if (name === "EOPNOTSUPP") return "unsupported";
    throw new SennitError("kernel", name, `destroy socket: ${name}`, { detail: { local, remote } });
  }
  return "not-found";
}

/** Sends a request and reads to the end of its answer, which the kernel has ready at once. */
function converse(fd: number, request: Buffer): { payloads: readonly Buffer[]; errno: number } {
  check(libc.send(fd, request, request.length, 0), "send to NETLINK_SOCK_DIAG");
  const payloads: Buffer[] = [];
  for (;;) {
    const bytes = Buffer.alloc(RECEIVE_SIZE);
    const length = libc.recv(fd, bytes, bytes.length, 0);
    if (length < 0 && errnoName(lastErrno()) === "EINTR") continue;
    const answers = decodeAnswers(bytes.subarray(0, check(length, "receive from NETLINK_SOCK_DIAG")));
    payloads.push(...answers.payloads);
    if (answers.end !== undefined) return { payloads, errno: answers.end };
  }
}

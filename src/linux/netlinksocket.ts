import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { decodeAnswers } from "./netlink.ts";
import { inNetns } from "./netns.ts";

/* linux/socket.h, linux/netlink.h */
const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
/** The kernel fills at most 32 KiB per datagram of a dump. */
const RECEIVE_SIZE = 64 * 1024;

/** [protocol number, word for it in errors] (linux/netlink.h). */
export type NetlinkProtocol = readonly [number, string];
export const ROUTE: NetlinkProtocol = [0, "NETLINK_ROUTE"];
export const SOCK_DIAG: NetlinkProtocol = [4, "NETLINK_SOCK_DIAG"];
export const GENERIC: NetlinkProtocol = [16, "NETLINK_GENERIC"];

export interface NetlinkAnswer {
  readonly payloads: readonly Buffer[];
  /** "errno 0" where all went well. */
  readonly errno: string;
}

/** Sends a request and reads to the end of its answer, which the kernel has ready at once. */
export type Converse = (request: Buffer) => NetlinkAnswer;

/** Opens a socket of this process's namespace, or of the one at `netns`, for one conversation or several. */
export function withNetlink<T>(
  [protocol, word]: NetlinkProtocol,
  netns: string | undefined,
  fn: (converse: Converse) => T,
): T {
  const open = (): number => libc.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, protocol);
  const fd = check(netns === undefined ? open() : inNetns(netns, open), `socket for ${word}`);
  try {
    return fn((request) => converse(fd, request, word));
  } finally {
    libc.close(fd);
  }
}

function converse(fd: number, request: Buffer, word: string): NetlinkAnswer {
  check(libc.send(fd, request, request.length, 0), `send to ${word}`);
  const payloads: Buffer[] = [];
  for (;;) {
    const bytes = Buffer.alloc(RECEIVE_SIZE);
    const length = libc.recv(fd, bytes, bytes.length, 0);
    if (length < 0 && errnoName(lastErrno()) === "EINTR") continue;
    const answers = decodeAnswers(bytes.subarray(0, check(length, `receive from ${word}`)));
    payloads.push(...answers.payloads);
    if (answers.end !== undefined) return { payloads, errno: errnoName(answers.end) };
  }
}

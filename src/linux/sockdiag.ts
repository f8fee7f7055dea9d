import { SennitError } from "../base/errors.ts";
import type { Endpoint } from "./ffi/sockaddr.ts";
import { type Converse, SOCK_DIAG, withNetlink } from "./netlinksocket.ts";
import {
  decodeSocket,
  type DiagSocket,
  encodeDestroy,
  encodeList,
  type Family,
  sameEndpoint,
} from "./sockdiagcodec.ts";

export type { DiagSocket, SubflowIds } from "./sockdiagcodec.ts";

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
  const talk = <T>(fn: (converse: Converse) => T): T => withNetlink(SOCK_DIAG, netns, fn);
  return {
    list: ({ local, remote }) =>
      talk((converse) => FAMILIES.flatMap((family) => list(converse, encodeList(family, local, remote)))),
    destroy: (tuple) => talk((converse) => destroy(converse, tuple)),
  };
}

function list(converse: Converse, request: Buffer): readonly DiagSocket[] {
  const { payloads, errno } = converse(request);
  if (errno !== "errno 0") throw new SennitError("kernel", errno, `list sockets: ${errno}`);
  return payloads.map(decodeSocket);
}

function destroy(converse: Converse, { local, remote }: Tuple): Destroyed {
  // Looked up first: the kernel wants to be told the device a socket is bound to, and its family (a v4 subflow may
  // be either an AF_INET socket or an AF_INET6 one with v4-mapped addresses).
  for (const family of FAMILIES) {
    const found = list(converse, encodeList(family, local.port, remote.port)).find(
      (socket) => sameEndpoint(socket.local, local) && sameEndpoint(socket.remote, remote),
    );
    if (found === undefined) continue;
    const { errno } = converse(encodeDestroy(found));
    if (errno === "errno 0") return "done";
    if (errno === "ENOENT") return "not-found";
    if (errno === "EPERM" || errno === "EACCES") return "not-permitted";
    if (errno === "EOPNOTSUPP") return "unsupported";
    throw new SennitError("kernel", errno, `destroy socket: ${errno}`, { detail: { local, remote } });
  }
  return "not-found";
}

import { SennitError } from "../base/errors.ts";
import type { Endpoint } from "./ffi/sockaddr.ts";
import { type Converse, SOCK_DIAG, withNetlink } from "./netlinksocket.ts";
import {
  decodeSocket,
  type DiagSocket,
  encodeDestroy,
  encodeFind,
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
  /** The live TCP socket between these two ends, of whichever process; undefined where there is none. */
  find(tuple: Tuple): DiagSocket | undefined;
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
    find: (tuple) => talk((converse) => find(converse, tuple)),
    destroy: (tuple) => talk((converse) => destroy(converse, tuple)),
  };
}

function list(converse: Converse, request: Buffer): readonly DiagSocket[] {
  const { payloads, errno } = converse(request);
  if (errno !== "errno 0") throw new SennitError("kernel", errno, `list sockets: ${errno}`);
  return payloads.map(decodeSocket);
}

function find(converse: Converse, { local, remote }: Tuple): DiagSocket | undefined {
  const { payloads, errno } = converse(encodeFind(local, remote));
  if (errno === "errno 0" && payloads[0] !== undefined) return decodeSocket(payloads[0]);
  // One that is bound to a device is found only by asking with that device, which nobody knows yet.
  for (const family of FAMILIES) {
    const all = list(converse, encodeList(family, local.port, remote.port));
    const found = all.find((one) => sameEndpoint(one.local, local) && sameEndpoint(one.remote, remote));
    if (found !== undefined) return found;
  }
  return undefined;
}

function destroy(converse: Converse, tuple: Tuple): Destroyed {
  // Looked up first: the kernel wants to be told the device a socket is bound to, and its family (a v4 subflow may
  // be either an AF_INET socket or an AF_INET6 one with v4-mapped addresses).
  const found = find(converse, tuple);
  if (found === undefined) return "not-found";
  const { errno } = converse(encodeDestroy(found));
  if (errno === "errno 0") return "done";
  if (errno === "ENOENT") return "not-found";
  if (errno === "EPERM" || errno === "EACCES") return "not-permitted";
  if (errno === "EOPNOTSUPP") return "unsupported";
  throw new SennitError("kernel", errno, `destroy socket: ${errno}`, { detail: { ...tuple } });
}

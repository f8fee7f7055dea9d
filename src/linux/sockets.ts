import type { Duplex } from "node:stream";
import type { SennitError } from "../base/errors.ts";
import type { Endpoint } from "./ffi/sockaddr.ts";
import type { ConnectionInfo } from "./mptcpinfo.ts";

export { type Endpoint, formatEndpoint } from "./ffi/sockaddr.ts";
export type { ConnectionInfo, SubflowInfo } from "./mptcpinfo.ts";

/** The port to the kernel's TCP. Implemented by `kernelSockets` (kernelsockets.ts) and, in memory, by FakeNetwork. */
export interface Sockets {
  /**
   * Opens a connection. Rejects with a SennitError whose `code` is an errno name:
   * `network` ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ECONNRESET, ETIMEDOUT (the kernel's or `timeoutMs`), ...;
   * `config` ENODEV, EADDRNOTAVAIL, EAFNOSUPPORT, bad-address, bad-port; `kernel` EPERM, EPROTONOSUPPORT, EMFILE, ...;
   * and `network` `aborted` when `signal` fired. Nothing is left open after a rejection.
   */
  dial(options: DialOptions): Promise<Connection>;
  /**
   * Listens; `onConnection` is called synchronously for each accepted connection, before any of its bytes are read.
   * Rejects like `dial`, with EADDRINUSE where the port is taken and EACCES for ports below 1024 without the right.
   */
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener>;
  /**
   * Takes over a connection that was given away by `Connection.release`, here or in another thread of this process; like
   * an accepted one, it is not read yet. Undefined when the other end has reset it meanwhile.
   */
  adopt(descriptor: number): Connection | undefined;
}

export type Transport = "mptcp" | "tcp";

export interface DialOptions {
  /** What is not answered with MPTCP becomes plain TCP, on a second connection: the other end sees the first one reset. */
  readonly transport: Transport;
  readonly remote: Endpoint;
  /** Whose the further subflows of an MPTCP connection are: the kernel's, by its endpoints, or ours (PathManager). */
  readonly paths?: "kernel" | "ours";
  /** Source address; must be one of this host's, and of the remote's family. */
  readonly localAddress?: string;
  /** Source port of `localAddress`; EADDRINUSE where it is taken. The kernel chooses one unless told. */
  readonly localPort?: number;
  /** Device that the connection is bound to, whatever the routing table prefers (SO_BINDTODEVICE). */
  readonly device?: string;
  /** Firewall mark for policy routing (SO_MARK); needs CAP_NET_ADMIN. */
  readonly mark?: number;
  /** DSCP << 2. Over IPv6, MPTCP sockets have no such option in kernels up to 6.18: EOPNOTSUPP. */
  readonly tos?: number;
  /** Milliseconds to establish the connection. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Milliseconds of silence after which the kernel probes the peer (on each subflow): below the NAT's timeout. */
  readonly keepAliveIdleMs?: number;
  /** Bytes not yet sent that the kernel accepts before it makes us wait (TCP_NOTSENT_LOWAT). */
  readonly notSentLowat?: number;
}

export interface ListenOptions {
  readonly transport: Transport;
  /** Port 0 lets the kernel choose; `::` also accepts IPv4. */
  readonly local: Endpoint;
  /** Accept connections to addresses of others, brought here by TPROXY (IP_TRANSPARENT); needs CAP_NET_ADMIN. */
  readonly transparent?: boolean;
  /** Others that say so too may listen there as well (SO_REUSEPORT): connections come to one of them. */
  readonly shared?: boolean;
  /** Connections that may wait to be accepted; 4096 by default: 64 stalls hundreds of simultaneous connects. */
  readonly backlog?: number;
  /** Milliseconds of silence after which the kernel probes the other end of an accepted connection. */
  readonly keepAliveIdleMs?: number;
  /** Bytes not yet sent that the kernel accepts, on each subflow as well, before it makes us wait (TCP_NOTSENT_LOWAT). */
  readonly notSentLowat?: number;
  /** Told when accept(2) fails (EMFILE, ENOBUFS): the listener goes on, the connection waits or is lost. */
  readonly onError?: (error: SennitError) => void;
}

export interface Connection {
  /**
   * The bytes: half-closing, Nagle off, errors with errno names in `code`. The kernel's is a net.Socket, so that TLS
   * on top of it takes Node's native path.
   */
  readonly stream: Duplex;
  /**
   * Lends what comes to `take`, in place of the stream's 'data' events: all connections are read into the same memory,
   * which holds other bytes as soon as `take` returns. Pausing, ends and errors stay the stream's. Called again, it lends
   * to another.
   */
  lend(take: (bytes: Buffer) => void): void;
  /**
   * Gives the kernel of `bytes` what it takes at once, and tells how much that is: nothing while the stream still has
   * bytes to write, or is broken. The rest is the caller's to write to the stream. The memory is free on return.
   */
  send(bytes: Buffer): number;
  /** With a transparent listener: where the client wanted to go. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /**
   * Bytes that the kernel may keep for us unread (SO_RCVBUF); without it, it finds a size of its own, up to the last
   * value of net.ipv4.tcp_rmem. May be called again. For plain TCP; without CAP_NET_ADMIN, net.core.rmem_max is the most.
   */
  holdAtMost(bytes: number): void;
  /**
   * Gives the connection away, as a descriptor that is to be handed to `Sockets.adopt` once; the other end notices
   * nothing. Not to be read before, or paused; this end is closed. Undefined when it was closed already, or when the
   * process has no descriptor left: then it is the caller's to reset.
   */
  release(): number | undefined;
  /** Closes with RST at once, pending data dropped: the other end sees ECONNRESET. Harmless when closed already. */
  reset(): void;
  /** What the kernel knows of this connection, also whether it is MPTCP at all; undefined once closed. */
  info(): ConnectionInfo | undefined;
}

export interface Listener {
  readonly local: Endpoint;
  /** Stops accepting; connections that were accepted go on. Calling it again is harmless. */
  close(): Promise<void>;
}

import { createServer, type Server, Socket, type SocketConstructorOpts } from "node:net";
import { SennitError } from "../base/errors.ts";
import { familyOf, formatEndpoint, normalEndpoint } from "./ffi/sockaddr.ts";
import {
  duplicate,
  openDialSocket,
  openListenSocket,
  limitReceiveBuffer,
  resetOnClose,
  sendNow,
  socketEnd,
  socketError,
} from "./socketoptions.ts";
import { libc } from "./ffi/libc.ts";
import { readInfo } from "./connectioninfo.ts";
import type { ConnectionInfo } from "./mptcpinfo.ts";
import { inNetns } from "./netns.ts";
import type { Connection, DialOptions, Endpoint, Listener, ListenOptions, Sockets } from "./sockets.ts";

/** Hundreds of simultaneous connects stall for seconds with a backlog of 64; the kernel caps it at net.core.somaxconn. */
const DEFAULT_BACKLOG = 4096;

/**
 * Bytes that one read(2) may bring. A few hundred kilobytes are there at a time on a busy line, and twice this, with what
 * becomes of it, still fits the second-level cache of the processors of today.
 */
const READ_BYTES = 256 * 1024;
/** Where all connections are read into, one after the other: an idle connection costs no buffer, a busy one no garbage. */
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES);

/** The descriptor behind a net.Socket: -1 once it is closed, so a number that was given to another is never used. */
interface Handle {
  readonly fd: number;
}

/** What Node's documentation leaves out of its sockets. */
interface SocketParts {
  _handle: Handle | null;
}
type SocketOptions = SocketConstructorOpts & { readonly manualStart?: true };

/**
 * The kernel's sockets, of this process's network namespace or of the one at `netns` (`/run/netns/NAME`): a socket
 * belongs to the namespace it was created in, wherever its process moves later.
 */
export function kernelSockets(netns?: string): Sockets {
  const inside = <T>(open: () => T): T => (netns === undefined ? open() : inNetns(netns, open));
  return {
    dial: (options) => dial(options, inside),
    listen: (options, onConnection) => listen(options, onConnection, inside),
    adopt: (descriptor) => KernelConnection.of(adopt(descriptor)),
  };
}

type Inside = <T>(open: () => T) => T;

/**
 * An MPTCP socket that fell back to TCP at the handshake makes room for one of TCP: the kernel reads its stream by MPTCP's
 * rules still, and in 6.18 (since June 2026) one retransmission that overlaps what was delivered stops it for ever, with
 * everything acknowledged and the memory of it counted on.
 */
async function dial(options: DialOptions, inside: Inside): Promise<Connection> {
  const startedAt = performance.now();
  const connection = await connect(options, inside);
  if (options.transport === "tcp" || connection.info()?.mptcp !== false) return connection;
  connection.reset();
  const timeoutMs = Math.max(1, options.timeoutMs - (performance.now() - startedAt));
  return connect({ ...options, transport: "tcp", timeoutMs }, inside);
}

async function connect(options: DialOptions, inside: Inside): Promise<Connection> {
  const { signal, timeoutMs } = options;
  const { address, port } = normalEndpoint(options.remote);
  const what = `connect to ${formatEndpoint({ address, port })}`;
  const aborted = (): SennitError =>
    new SennitError("network", "aborted", `${what}: no longer wanted`, { cause: signal?.reason });
  if (signal?.aborted === true) throw aborted();
  const stream = adopt(inside(() => openDialSocket(options, address)));
  return new Promise((resolve, reject) => {
    const fail = (error: SennitError): void => {
      settle();
      // What the kernel says after we gave up is nobody's business.
      stream.on("error", () => undefined).destroy();
      reject(error);
    };
    const onError = (error: NodeJS.ErrnoException): void =>
      fail(socketError(error.code ?? "EIO", what, error));
    const onAbort = (): void => fail(aborted());
    const timer = setTimeout(
      () => fail(socketError("ETIMEDOUT", `${what} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      stream.off("error", onError);
    };
    signal?.addEventListener("abort", onAbort);
    stream.once("error", onError);
    // Node must see an IPv6 address to pass a sockaddr_in6 to our AF_INET6 socket.
    const host = familyOf(address) === 4 ? `::ffff:${address}` : address;
    stream.connect({ host, port }, () => {
      settle();
      const connection = KernelConnection.of(stream);
      if (connection === undefined) fail(socketError("ECONNRESET", what));
      else resolve(connection);
    });
  });
}

async function listen(
  options: ListenOptions,
  onConnection: (connection: Connection) => void,
  inside: Inside,
): Promise<Listener> {
  const what = `listen on ${formatEndpoint(options.local)}`;
  const { keepAliveIdleMs } = options;
  const keepAlive = keepAliveIdleMs !== undefined && {
    keepAlive: true,
    keepAliveInitialDelay: keepAliveIdleMs,
  };
  const server = createServer({ pauseOnConnect: true, noDelay: true, ...keepAlive }, (accepted) => {
    const connection = KernelConnection.of(takeOver(accepted));
    // Reset between the handshake and accept(2).
    if (connection === undefined) accepted.destroy();
    else onConnection(connection);
  });
  const fd = inside(() => openListenSocket(options));
  await started(server, fd, options.backlog ?? DEFAULT_BACKLOG, what);
  const local = socketEnd(fd, "local");
  if (local === undefined)
    throw new SennitError("bug", "no-address", `${what}: a listener without an address`);
  server.on("error", (error: NodeJS.ErrnoException) =>
    options.onError?.(socketError(error.code ?? "EIO", `accept on ${formatEndpoint(local)}`, error)),
  );
  return {
    local,
    // Not waiting for the server's own callback: it comes when the last connection has ended.
    close: async () => void server.close(),
  };
}

function started(server: Server, fd: number, backlog: number, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(socketError(error.code ?? "EIO", what, error)),
    );
    server.once("listening", () => {
      server.removeAllListeners("error");
      resolve();
    });
    // With a descriptor, Node takes the backlog from the second argument only; its types do not know.
    const listenFd = server.listen.bind(server) as unknown as (
      target: { fd: number },
      backlog: number,
    ) => void;
    listenFd({ fd }, backlog);
  });
}

/** Gives a descriptor to Node: from here on, destroying the stream closes it. */
function adopt(fd: number): LendingSocket {
  try {
    // Reading starts with the connection, not with the object.
    return new LendingSocket({ fd, manualStart: true });
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Puts the descriptor of a socket that Node accepted into one of ours; undefined when it is closed already. */
function takeOver(accepted: Socket): LendingSocket | undefined {
  const parts = accepted as unknown as SocketParts;
  const handle = parts._handle;
  if (handle === null) return undefined;
  parts._handle = null;
  return new LendingSocket({ handle: handle as unknown as SocketConstructorOpts["handle"] & object });
}

/** A net.Socket that lends what it reads instead of making a buffer for it, once somebody wants that. */
class LendingSocket extends Socket {
  #take: ((bytes: Buffer) => void) | undefined;

  constructor(options: SocketOptions) {
    const onread = {
      buffer: readMemory,
      callback: (length: number): boolean => this.#onRead(readMemory.subarray(0, length)),
    };
    super({ ...options, allowHalfOpen: true, onread });
  }

  lend(take: (bytes: Buffer) => void): void {
    if (this.#take !== undefined) this.off("data", this.#take);
    this.#take = take;
    // What was read before it was asked for.
    this.on("data", take);
  }

  #onRead(bytes: Buffer): boolean {
    if (this.#take === undefined || this.readableLength > 0) return this.push(Buffer.from(bytes));
    this.#take(bytes);
    return true;
  }
}

class KernelConnection implements Connection {
  readonly stream: LendingSocket;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #handle: Handle;

  /** Undefined when the peer has gone already. */
  static of(stream: LendingSocket | undefined): KernelConnection | undefined {
    // Node's documented interface has no way to the descriptor.
    const handle = (stream as unknown as SocketParts | undefined)?._handle;
    if (stream === undefined || handle === undefined || handle === null) return undefined;
    const local = socketEnd(handle.fd, "local");
    const remote = socketEnd(handle.fd, "remote");
    if (local && remote) return new KernelConnection(stream, handle, local, remote);
    stream.destroy();
    return undefined;
  }

  private constructor(stream: LendingSocket, handle: Handle, local: Endpoint, remote: Endpoint) {
    this.stream = stream;
    this.#handle = handle;
    this.local = local;
    this.remote = remote;
  }

  lend(take: (bytes: Buffer) => void): void {
    this.stream.lend(take);
  }

  send(bytes: Buffer): number {
    const { stream } = this;
    if (this.#handle.fd < 0 || stream.writableLength > 0 || stream.writableEnded || stream.destroyed)
      return 0;
    // What goes wrong here goes wrong again when the caller writes to the stream, and is told there.
    return Math.max(0, sendNow(this.#handle.fd, bytes));
  }

  holdAtMost(bytes: number): void {
    if (this.#handle.fd >= 0) limitReceiveBuffer(this.#handle.fd, bytes);
  }

  release(): number | undefined {
    if (this.#handle.fd < 0 || this.stream.destroyed) return undefined;
    const descriptor = duplicate(this.#handle.fd);
    if (descriptor < 0) return undefined;
    this.stream.destroy();
    return descriptor;
  }

  reset(): void {
    // Not resetAndDestroy(): it would first wait for the peer to take everything that was written.
    if (this.#handle.fd >= 0) resetOnClose(this.#handle.fd);
    this.stream.destroy();
  }

  info(): ConnectionInfo | undefined {
    return this.#handle.fd < 0 ? undefined : readInfo(this.#handle.fd);
  }
}

import { createSocket, type Socket } from "node:dgram";
import type { DatagramOptions, Datagrams, DatagramSocket } from "./datagrams.ts";
import { type Endpoint, familyOf, normalAddress, normalEndpoint } from "./ffi/sockaddr.ts";
import { libc } from "./ffi/libc.ts";
import { inNetns } from "./netns.ts";
import { openDatagramSocket, socketEnd, socketError } from "./socketoptions.ts";

/** The kernel's UDP sockets, of this process's network namespace or of the one at `netns`. */
export function kernelDatagrams(netns?: string): Datagrams {
  return {
    open: (options) => {
      const local = normalEndpoint(options.local);
      const open = (): number => openDatagramSocket({ ...options, local });
      return KernelDatagramSocket.on(netns === undefined ? open() : inNetns(netns, open), local, options);
    },
  };
}

class KernelDatagramSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #socket: Socket;
  #closed = false;

  /** Gives the descriptor to Node. */
  static on(fd: number, wanted: Endpoint, { onDatagram }: DatagramOptions): KernelDatagramSocket {
    const local = socketEnd(fd, "local") ?? wanted;
    try {
      const socket = createSocket(familyOf(local.address) === 4 ? "udp4" : "udp6");
      socket.on("message", (bytes, { address, port }) =>
        onDatagram(bytes, { address: normalAddress(address), port }),
      );
      // ICMP errors for what was sent: lost on the wire.
      socket.on("error", () => undefined);
      socket.bind({ fd });
      return new KernelDatagramSocket(socket, local);
    } catch (cause) {
      libc.close(fd);
      throw socketError("EIO", `read from UDP socket ${fd}`, cause);
    }
  }

  private constructor(socket: Socket, local: Endpoint) {
    this.#socket = socket;
    this.local = local;
    socket.unref();
  }

  send(bytes: Buffer, { address, port }: Endpoint): void {
    if (!this.#closed) this.#socket.send(bytes, port, address, () => undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}

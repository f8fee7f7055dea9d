import type { Endpoint } from "./ffi/sockaddr.ts";

/** The port to the kernel's UDP, for few and small datagrams. Implemented by `kernelDatagrams` and, in memory, by FakeNetwork. */
export interface Datagrams {
  /**
   * Opens a socket that is bound to one address of this host. Throws a SennitError whose `code` is an errno name: `config`
   * EADDRNOTAVAIL, EADDRINUSE, ENODEV, bad-address; `kernel` EACCES (a port below 1024 without the right), EPERM, EMFILE.
   */
  open(options: DatagramOptions): DatagramSocket;
}

export interface DatagramOptions {
  /** Port 0 lets the kernel choose. Not a wildcard: an answer has to leave from the address that was asked. */
  readonly local: Endpoint;
  /** Device that it is bound to, whatever the routing table prefers (SO_BINDTODEVICE). */
  readonly device?: string | undefined;
  /** Called for each datagram that comes, never before `open` has returned. */
  readonly onDatagram: (bytes: Buffer, from: Endpoint) => void;
}

export interface DatagramSocket {
  readonly local: Endpoint;
  /** What does not get through, for whatever reason, is lost without a word, as on the wire. */
  send(bytes: Buffer, to: Endpoint): void;
  /** Calling it again is harmless. */
  close(): void;
}

import type { Clock } from "../../base/clock.ts";
import type { DatagramOptions, Datagrams, DatagramSocket } from "../datagrams.ts";
import { type Endpoint, formatEndpoint, familyOf, normalAddress, normalEndpoint } from "../ffi/sockaddr.ts";
import { socketError } from "../socketoptions.ts";

const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
/* The kernel's net.ipv4.ip_local_port_range. */
const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;

/** Every host reaches every other's addresses; loopback is each one's own. With a ManualClock nothing arrives until time is moved. */
export class FakeDatagrams {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #open = new Map<string, FakeSocket>();
  readonly #silent = new Set<string>();
  #lastPort = FIRST_EPHEMERAL - 1;

  /** `latencyMs` is one way. */
  constructor(clock: Clock, latencyMs = 0) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  host(addresses: readonly string[], devices: readonly string[] = []): Datagrams {
    const own = new Set([...addresses.map(normalAddress), ...LOOPBACK]);
    return {
      open: (options) => {
        const { address, port } = normalEndpoint(options.local);
        const what = `bind ${address} port ${port}`;
        if (!own.has(address) && !WILDCARDS.has(address)) throw socketError("EADDRNOTAVAIL", what);
        if (options.device !== undefined && !devices.includes(options.device))
          throw socketError("ENODEV", what);
        const local = { address, port: port === 0 ? this.#nextPort() : port };
        const name = formatEndpoint(local);
        if (this.#open.has(name)) throw socketError("EADDRINUSE", what);
        const socket = new FakeSocket(local, options, {
          send: (bytes, to) => this.#send(bytes, local, to),
          close: () => this.#open.delete(name),
        });
        this.#open.set(name, socket);
        return socket;
      },
    };
  }

  /** What goes from or to that address is lost, while it is `on`. */
  silence(address: string, on: boolean): void {
    if (on) this.#silent.add(normalAddress(address));
    else this.#silent.delete(normalAddress(address));
  }

  #send(bytes: Buffer, from: Endpoint, to: Endpoint): void {
    const { address, port } = normalEndpoint(to);
    const copy = Buffer.from(bytes);
    if (familyOf(address) !== familyOf(from.address)) return;
    this.#clock.after(this.#latencyMs, () => {
      if (this.#silent.has(from.address) || this.#silent.has(address)) return;
      this.#open.get(formatEndpoint({ address, port }))?.receive(copy, from);
    });
  }

  #nextPort(): number {
    this.#lastPort = this.#lastPort < LAST_EPHEMERAL ? this.#lastPort + 1 : FIRST_EPHEMERAL;
    return this.#lastPort;
  }
}

interface Wire {
  send(bytes: Buffer, to: Endpoint): void;
  close(): void;
}

class FakeSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #options: DatagramOptions;
  readonly #wire: Wire;
  #closed = false;

  constructor(local: Endpoint, options: DatagramOptions, wire: Wire) {
    this.local = local;
    this.#options = options;
    this.#wire = wire;
  }

  receive(bytes: Buffer, from: Endpoint): void {
    if (!this.#closed) this.#options.onDatagram(bytes, from);
  }

  send(bytes: Buffer, to: Endpoint): void {
    if (!this.#closed) this.#wire.send(bytes, to);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wire.close();
  }
}

import type { Connection, Listener, Sockets } from "../linux/sockets.ts";
import { FLOW_KEEPALIVE_MS } from "./limits.ts";

/** Listening on loopback alone: on any other address this would be an open relay. */
export const INTERCEPT_ADDRESSES = { v4: "127.0.0.1", v6: "::1" } as const;

export interface InterceptPorts {
  readonly v4: number;
  readonly v6: number;
}

/**
 * Where flows enter: connections from the LAN that TPROXY brings here, their own address where they wanted to go.
 * While it is closed the TPROXY rule finds no listener, and the kernel routes new connections directly.
 */
export class Intercept {
  readonly #sockets: Sockets;
  readonly #take: (connection: Connection) => void;
  #listeners: Listener[] = [];

  constructor(sockets: Sockets, take: (connection: Connection) => void) {
    this.#sockets = sockets;
    this.#take = take;
  }

  get isOpen(): boolean {
    return this.#listeners.length > 0;
  }

  /** The ports it listens on; null while it is closed. */
  get ports(): InterceptPorts | null {
    const [v4, v6] = this.#listeners;
    return v4 === undefined || v6 === undefined ? null : { v4: v4.local.port, v6: v6.local.port };
  }

  /** Listens for both families; port 0 lets the kernel choose. Rejects, with neither open, where a port is taken. */
  async open(ports: InterceptPorts): Promise<void> {
    for (const family of ["v4", "v6"] as const) {
      const local = { address: INTERCEPT_ADDRESSES[family], port: ports[family] };
      try {
        this.#listeners.push(
          await this.#sockets.listen(
            { transport: "tcp", transparent: true, local, keepAliveIdleMs: FLOW_KEEPALIVE_MS },
            this.#take,
          ),
        );
      } catch (error) {
        await this.close();
        throw error;
      }
    }
  }

  /** New connections go directly from now on; flows go on. */
  async close(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}

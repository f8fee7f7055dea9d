import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import {
  formatEndpoint,
  type Connection,
  type Endpoint,
  type Listener,
  type Sockets,
} from "../linux/sockets.ts";

/** Milliseconds from the accepted connection to a HELLO in order: a dozen round trips by satellite. */
const HANDSHAKE_MS = 10_000;
/** Handshakes under way at a time. A flood of silent connections takes these places, for ten seconds each, and no more. */
const MAX_HANDSHAKES = 1024;

/**
 * Unsent bytes that the kernel takes, on each subflow: what was lost on one that is dead is sent again behind those of
 * another, which is to be soon on a slow one as well.
 */
const NOTSENT_LOWAT_BYTES = 256 * 1024;

export interface DoorOptions {
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly log: Log;
  /** Shakes hands, and sees to whatever becomes of the connection. Rejects, when `signal` fires for one. */
  readonly shake: (connection: Connection, signal: AbortSignal) => Promise<void>;
}

/** Where carriers come in: listens, and gives each a limited time to say who it is. */
export class Door {
  readonly #options: DoorOptions;
  readonly #stop = new AbortController();
  #listeners: Listener[] = [];
  #handshakes = 0;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Listens on every endpoint, or on none: a failure closes those that were opened. */
  async open(endpoints: readonly Endpoint[]): Promise<void> {
    const { sockets, log } = this.#options;
    const onError = (error: SennitError): void => log.error({ code: error.code }, "cannot accept");
    try {
      for (const local of endpoints) {
        const listener = await sockets.listen(
          { transport: "mptcp", local, shared: true, notSentLowat: NOTSENT_LOWAT_BYTES, onError },
          this.#onConnection,
        );
        this.#listeners.push(listener);
        log.info({ local: formatEndpoint(listener.local) }, "listening for routers");
      }
    } catch (error) {
      await this.#closeListeners();
      throw error;
    }
  }

  /** Stops listening and ends the handshakes that are under way. */
  async close(): Promise<void> {
    this.#stop.abort(new SennitError("network", "stopping", "the server is stopping"));
    await this.#closeListeners();
  }

  async #closeListeners(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  readonly #onConnection = (connection: Connection): void => {
    const { log } = this.#options;
    const remote = formatEndpoint(connection.remote);
    // Before TLS listens to it, an early RST must not be nobody's.
    connection.stream.on("error", () => undefined);
    if (this.#handshakes >= MAX_HANDSHAKES) {
      connection.reset();
      log.warn({ remote, handshakes: this.#handshakes }, "refused: too many handshakes at a time");
      return;
    }
    this.#handshakes++;
    this.#shake(connection)
      .catch((error: unknown) => {
        const code = error instanceof SennitError ? error.code : "failed";
        log.warn({ remote, code, why: messageOf(error) }, "refused");
      })
      .finally(() => this.#handshakes--);
  };

  async #shake(connection: Connection): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#options.clock.after(HANDSHAKE_MS, () => {
      limit.abort(new SennitError("peer", "hello-timeout", `no HELLO within ${HANDSHAKE_MS / 1000} s`));
    });
    try {
      await this.#options.shake(connection, AbortSignal.any([limit.signal, this.#stop.signal]));
    } finally {
      cancel();
    }
  }
}

import type { SecureContext } from "node:tls";
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
import { Reject } from "../wire/constants.ts";
import type { Hello } from "../wire/hello.ts";
import type { Admission, KnownRouter } from "./admission.ts";
import type { Carrier } from "./carrier.ts";
import { acceptHandshake, turnedAway } from "./handshake.ts";
import type { Session } from "./session.ts";

/** Milliseconds from the accepted connection to a HELLO in order: a dozen round trips by satellite. */
const HANDSHAKE_MS = 10_000;
/** Handshakes under way at a time. A flood of silent connections takes these places, for ten seconds each, and no more. */
const MAX_HANDSHAKES = 1024;
/** Carriers of one session: the most a router may configure, and as many while it re-dials them. */
const MAX_CARRIERS = 128;
const MAX_SESSIONS = 10_000;

export interface PeerSession {
  readonly router: KnownRouter;
  readonly session: Session;
}

export interface AcceptorOptions {
  readonly sockets: Sockets;
  readonly context: SecureContext;
  readonly admission: Admission;
  /** 16 random bytes, new at every start: tells routers that nothing is left of before. */
  readonly instance: Buffer;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the session of a router that has none with this id; `onCarriers` is to be called when its carriers change. */
  readonly createSession: (router: KnownRouter, id: Buffer, onCarriers: () => void) => Session;
  /** A session is over. */
  readonly onEnded: (peer: PeerSession) => void;
}

/** Takes carriers in at the door: listens, shakes hands within a time limit, finds the session each belongs to. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #sessions = new Map<string, PeerSession>();
  readonly #stop = new AbortController();
  #listeners: Listener[] = [];
  #handshakes = 0;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  get sessions(): Iterable<PeerSession> {
    return this.#sessions.values();
  }

  /** Listens on every endpoint, or on none: a failure closes those that were opened. */
  async start(endpoints: readonly Endpoint[]): Promise<void> {
    const { sockets, log } = this.#options;
    const onError = (error: SennitError): void => log.error({ code: error.code }, "cannot accept");
    try {
      for (const local of endpoints) {
        const listener = await sockets.listen({ transport: "mptcp", local, onError }, this.#onConnection);
        this.#listeners.push(listener);
        log.info({ local: formatEndpoint(listener.local) }, "listening for routers");
      }
    } catch (error) {
      await this.#closeListeners();
      throw error;
    }
  }

  /** Stops listening and ends all sessions. */
  async stop(): Promise<void> {
    this.#stop.abort(new SennitError("network", "stopping", "the server is stopping"));
    await this.#closeListeners();
    for (const { session } of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  async #closeListeners(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  readonly #onConnection = (connection: Connection): void => {
    const remote = formatEndpoint(connection.remote);
    // Before TLS listens to it, an early RST must not be nobody's.
    connection.stream.on("error", () => undefined);
    if (this.#handshakes >= MAX_HANDSHAKES) {
      connection.reset();
      this.#options.log.warn(
        { remote, handshakes: this.#handshakes },
        "refused: too many handshakes at a time",
      );
      return;
    }
    this.#handshakes++;
    this.#shake(connection, remote)
      .catch((error: unknown) => {
        const code = error instanceof SennitError ? error.code : "failed";
        this.#options.log.warn({ remote, code, why: messageOf(error) }, "refused");
      })
      .finally(() => this.#handshakes--);
  };

  async #shake(connection: Connection, remote: string): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#options.clock.after(HANDSHAKE_MS, () => {
      limit.abort(new SennitError("peer", "hello-timeout", `no HELLO within ${HANDSHAKE_MS / 1000} s`));
    });
    try {
      await acceptHandshake(connection, {
        transport: connection.info()?.mptcp === true ? "mptcp" : "tcp",
        context: this.#options.context,
        clock: this.#options.clock,
        signal: AbortSignal.any([limit.signal, this.#stop.signal]),
        judge: (hello) => this.#judge(hello),
        adopt: (carrier, hello) => this.#adopt(carrier, hello, remote),
      });
    } finally {
      cancel();
    }
  }

  #judge(hello: Hello): Buffer {
    const router = this.#options.admission.admit(hello);
    const known = this.#sessions.get(keyOf(router, hello));
    if (known === undefined && this.#sessions.size >= MAX_SESSIONS)
      throw turnedAway(Reject.BUSY, "too many sessions");
    if ((known?.session.carriers.size ?? 0) >= MAX_CARRIERS)
      throw turnedAway(Reject.BUSY, "too many carriers");
    return this.#options.instance;
  }

  #adopt(carrier: Carrier, hello: Hello, remote: string): void {
    const router = this.#options.admission.admit(hello);
    const key = keyOf(router, hello);
    let peer = this.#sessions.get(key);
    if (peer === undefined) {
      const id = Buffer.from(hello.session);
      const session = this.#options.createSession(router, id, () => this.#onCarriers(key));
      peer = { router, session };
      this.#sessions.set(key, peer);
      this.#options.log.info({ router: router.name, session: id.toString("hex") }, "session begins");
    }
    peer.session.addCarrier(carrier);
    this.#options.log.info(
      { router: router.name, carrier: carrier.number, remote, transport: carrier.transport },
      "carrier is up",
    );
  }

  /** Flows die with their carriers, so a session without carriers is empty. */
  #onCarriers(key: string): void {
    const peer = this.#sessions.get(key);
    if (peer === undefined || peer.session.carriers.size > 0) return;
    this.#sessions.delete(key);
    peer.session.close();
    this.#options.onEnded(peer);
    this.#options.log.info({ router: peer.router.name }, "session ends: its last carrier is gone");
  }
}

function keyOf(router: KnownRouter, hello: Hello): string {
  return `${router.id}/${hello.session.toString("hex")}`;
}

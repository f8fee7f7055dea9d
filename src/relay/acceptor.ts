import type { SecureContext } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatEndpoint, type Connection, type Endpoint, type Sockets } from "../linux/sockets.ts";
import { Reject } from "../wire/constants.ts";
import type { Hello } from "../wire/hello.ts";
import type { Admission, KnownRouter } from "./admission.ts";
import type { Carrier } from "./carrier.ts";
import { Door } from "./door.ts";
import { acceptHandshake, turnedAway } from "./handshake.ts";
import type { Session } from "./session.ts";
import { tlsAccept, type Secured } from "./tls.ts";

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

/** Takes carriers in at the door: shakes hands, finds the session each belongs to. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #sessions = new Map<string, PeerSession>();
  readonly #stop = new AbortController();
  readonly #door: Door;

  constructor(options: AcceptorOptions) {
    const { sockets, clock, log } = options;
    this.#options = options;
    const shake = (connection: Connection, signal: AbortSignal): Promise<void> =>
      this.#shake(connection, signal);
    this.#door = new Door({ sockets, clock, log, shake });
  }

  get sessions(): Iterable<PeerSession> {
    return this.#sessions.values();
  }

  /** Listens on every endpoint, or on none: a failure closes those that were opened. */
  start(endpoints: readonly Endpoint[]): Promise<void> {
    return this.#door.open(endpoints);
  }

  /** Stops listening and ends all sessions. */
  async stop(): Promise<void> {
    this.#stop.abort(new SennitError("network", "stopping", "the server is stopping"));
    await this.#door.close();
    for (const { session } of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  /** Takes in a connection whose HELLO was read and admitted elsewhere, and is still to come from `secured`. */
  async receive(connection: Connection, secured: Secured, router: KnownRouter): Promise<void> {
    await this.#greet(connection, secured, this.#stop.signal, { admit: () => router });
  }

  async #shake(connection: Connection, signal: AbortSignal): Promise<void> {
    const { admission, context } = this.#options;
    const secured = await tlsAccept(connection, context, signal);
    await this.#greet(connection, secured, signal, admission);
  }

  async #greet(
    connection: Connection,
    secured: Secured,
    signal: AbortSignal,
    admission: Pick<Admission, "admit">,
  ): Promise<void> {
    const remote = formatEndpoint(connection.remote);
    await acceptHandshake(connection, secured, {
      transport: connection.info()?.mptcp === true ? "mptcp" : "tcp",
      clock: this.#options.clock,
      signal,
      judge: (hello) => this.#judge(hello, admission.admit(hello)),
      adopt: (carrier, hello) => this.#adopt(carrier, hello, admission.admit(hello), remote),
    });
  }

  #judge(hello: Hello, router: KnownRouter): Buffer {
    const known = this.#sessions.get(keyOf(router, hello));
    if (known === undefined && this.#sessions.size >= MAX_SESSIONS)
      throw turnedAway(Reject.BUSY, "too many sessions");
    if ((known?.session.carriers.size ?? 0) >= MAX_CARRIERS)
      throw turnedAway(Reject.BUSY, "too many carriers");
    return this.#options.instance;
  }

  #adopt(carrier: Carrier, hello: Hello, router: KnownRouter, remote: string): void {
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

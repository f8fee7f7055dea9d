import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { formatEndpoint, type Connection } from "../linux/sockets.ts";
import { Reject } from "../wire/constants.ts";
import { type Hello, PROCESS_BYTES } from "../wire/hello.ts";
import type { Admission, KnownRouter } from "./admission.ts";
import type { Carrier } from "./carrier.ts";
import { acceptHandshake, turnedAway } from "./handshake.ts";
import type { Session } from "./session.ts";
import type { Secured } from "./tls.ts";

/** Carriers of one session: the most a router may configure, and as many while it re-dials them. */
const MAX_CARRIERS = 128;
const MAX_SESSIONS = 10_000;
/** Sessions of one router: one for each of its threads, and those of processes that drain or were killed. */
const MAX_SESSIONS_EACH = 64;
const INSTANCE_BYTES = 16;
const HOUSEKEEPING_MS = 1000;
/**
 * How long a router's old process may be without a carrier beside its new one (ms): with all WANs gone both are, and the
 * new one may be back first.
 */
const LEAVING_LONELY_MS = 30_000;

export interface PeerSession {
  readonly router: KnownRouter;
  readonly session: Session;
  /** 16 random bytes, the session's alone: another tells the router that nothing is left of what it began. */
  readonly instance: Buffer;
}

export interface AcceptorOptions {
  /** Tells the router, on a carrier that is up, what it is to know. */
  readonly greet: (carrier: Carrier, session: Buffer) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the session of a router that has none with this id; `onCarriers` is to be called when its carriers change. */
  readonly createSession: (router: KnownRouter, id: Buffer, onCarriers: () => void) => Session;
  /** A session is over. */
  readonly onEnded: (peer: PeerSession) => void;
  /** What sessions without carriers may hold together (bytes). */
  readonly graceBytes: () => number;
}

/** Takes in carriers that say who they are, and finds the session each belongs to. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #sessions = new Map<string, PeerSession>();
  #cancelHousekeeping: (() => void) | undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  get sessions(): Iterable<PeerSession> {
    return this.#sessions.values();
  }

  start(): void {
    this.#cancelHousekeeping ??= this.#options.clock.every(HOUSEKEEPING_MS, () => this.#endLonely());
  }

  /** Ends all sessions. */
  stop(): void {
    this.#cancelHousekeeping?.();
    for (const [key, peer] of this.#sessions) this.#end(key, peer, "the server stops");
  }

  /** Whether the session is here. `key` is a `sessionKey`. */
  has(key: string): boolean {
    return this.#sessions.has(key);
  }

  /** Hears HELLO and answers it. Rejects, with the connection closed, where it is turned away, and when `signal` fires. */
  async receive(
    connection: Connection,
    secured: Secured,
    admission: Pick<Admission, "admit">,
    signal: AbortSignal,
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
    const known = this.#sessions.get(sessionKey(router, hello));
    if (
      known === undefined &&
      (this.#sessions.size >= MAX_SESSIONS || this.#sessionsOf(router) >= MAX_SESSIONS_EACH)
    )
      throw turnedAway(Reject.BUSY, "too many sessions");
    if ((known?.session.carriers.size ?? 0) >= MAX_CARRIERS)
      throw turnedAway(Reject.BUSY, "too many carriers");
    return (known ?? this.#begin(router, hello)).instance;
  }

  #sessionsOf({ id }: KnownRouter): number {
    let count = 0;
    for (const { router } of this.#sessions.values()) if (router.id === id) count++;
    return count;
  }

  #begin(router: KnownRouter, hello: Hello): PeerSession {
    const id = Buffer.from(hello.session);
    const key = sessionKey(router, hello);
    const session = this.#options.createSession(router, id, () => this.#onCarriers(key));
    const peer = { router, session, instance: randomBytes(INSTANCE_BYTES) };
    this.#sessions.set(key, peer);
    this.#options.log.info({ router: router.name, session: id.toString("hex") }, "session begins");
    return peer;
  }

  #adopt(carrier: Carrier, hello: Hello, router: KnownRouter, remote: string): void {
    this.#sessions.get(sessionKey(router, hello))?.session.addCarrier(carrier);
    this.#options.greet(carrier, hello.session);
    this.#options.log.info(
      { router: router.name, carrier: carrier.number, remote, transport: carrier.transport },
      "carrier is up",
    );
  }

  /** A session whose last carrier is gone waits for the router, unless there is nothing to wait for. */
  #onCarriers(key: string): void {
    const peer = this.#sessions.get(key);
    if (peer?.session.isEmpty === true) this.#end(key, peer, "nothing is left of it");
  }

  /** Ends sessions without carriers whose routers have begun others, and the oldest while they hold too much. */
  #endLonely(): void {
    const lonely = [...this.#sessions]
      .filter(([, { session }]) => session.lonelySince !== undefined)
      .sort(([, a], [, b]) => (a.session.lonelySince ?? 0) - (b.session.lonelySince ?? 0));
    const present = new Set(
      [...this.#sessions.values()]
        .filter(({ session }) => session.lonelySince === undefined)
        .map(({ router }) => router.id),
    );
    let held = lonely.reduce((sum, [, { session }]) => sum + session.heldBytes, 0);
    for (const [key, peer] of lonely) {
      const isTooMuch = held > this.#options.graceBytes();
      if (peer.session.isEmpty) this.#end(key, peer, "nothing is left of it");
      else if (present.has(peer.router.id) && this.#isSuperseded(peer))
        this.#end(key, peer, "its router has started anew");
      else if (isTooMuch) this.#end(key, peer, "too much is held for routers that are away");
      if (isTooMuch) held -= peer.session.heldBytes;
    }
  }

  /** Whether another data process of the same router is here: this one's is no more, or would be here as well. */
  #isSuperseded({ router, session }: PeerSession): boolean {
    const others = [...this.#sessions.values()].filter(
      (other) =>
        other.router.id === router.id &&
        other.session.lonelySince === undefined &&
        !processOf(other.session).equals(processOf(session)),
    );
    if (!session.peerLeaves) return others.length > 0;
    // Beside a carrier of the new one's for so long, and all the while without any.
    const before = this.#options.clock.now() - LEAVING_LONELY_MS;
    const isLonely = (session.lonelySince ?? Infinity) < before;
    return isLonely && others.some((other) => hasSince(other.session, before));
  }

  #end(key: string, peer: PeerSession, why: string): void {
    this.#sessions.delete(key);
    peer.session.close();
    this.#options.onEnded(peer);
    this.#options.log.info({ router: peer.router.name, why }, "session ends");
  }
}

const hasSince = ({ carriers }: Session, time: number): boolean =>
  [...carriers].some(({ startedAt }) => startedAt < time);

const processOf = ({ id }: Session): Buffer => id.subarray(0, PROCESS_BYTES);

/** A session's name among those of all routers. */
export function sessionKey(router: KnownRouter, hello: Pick<Hello, "session">): string {
  return `${router.id}/${hello.session.toString("hex")}`;
}

import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { limited } from "../base/limited.ts";
import type { Log } from "../base/log.ts";
import type { Orders, ServerOrders } from "../control/messages.ts";
import { part, type Shard, type ShardPlace, type ShardReport } from "../control/shard.ts";
import type { SockDiag } from "../linux/sockdiag.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import { Acceptor, sessionKey } from "../relay/acceptor.ts";
import type { Admission, KnownRouter } from "../relay/admission.ts";
import { WindowBudget } from "../relay/budget.ts";
import { TRIM_EVERY_MS, trimPools } from "../relay/bufferpool.ts";
import type { Carrier } from "../relay/carrier.ts";
import { DeadSubflows } from "../relay/deadsubflows.ts";
import { EgressPolicy } from "../relay/egress.ts";
import { BUFFER_BYTES, GRACE_BYTES, GRACE_MS, LINES_A_MINUTE, MAX_FLOWS } from "../relay/limits.ts";
import { Outbound } from "../relay/outbound.ts";
import { ownAddresses } from "../relay/ownaddresses.ts";
import { reportSession } from "../relay/report.ts";
import { Session, type SessionCounts } from "../relay/session.ts";
import type { Secured } from "../relay/tls.ts";
import { probeKey, probeSecret } from "../wire/probe.ts";

export interface ServerShardDeps {
  readonly place: ShardPlace;
  readonly sockets: Sockets;
  readonly sockDiag: SockDiag;
  readonly clock: Clock;
  readonly log: Log;
  /** Something that control wants to know of has changed. */
  readonly onChange: () => void;
  /** A session is over; `key` as by `sessionKey`. */
  readonly onEnded?: (key: string) => void;
}

/** Sessions of routers with their carriers, and the flows on them to where they go. */
export class ServerShard implements Shard {
  readonly #deps: ServerShardDeps;
  /** Most lines are caused by strangers or by what routers ask for: they must not fill the disk. */
  readonly #log: Log;
  readonly #budget: WindowBudget;
  readonly #ownAddresses: () => ReadonlySet<string>;
  readonly #past = { opened: 0, refused: 0, reset: 0, moved: 0, carriersLost: 0, bytesIn: 0, bytesOut: 0 };
  readonly #deadSubflows: DeadSubflows;
  readonly #cancelTrim: () => void;
  #acceptor: Acceptor;
  #orders: ServerOrders | undefined;
  #outbound: Outbound | undefined;

  constructor(deps: ServerShardDeps) {
    this.#deps = deps;
    this.#log = limited(deps.log, deps.clock, { lines: LINES_A_MINUTE });
    this.#budget = new WindowBudget(BUFFER_BYTES, deps.place.budget);
    this.#ownAddresses = ownAddresses(deps.clock);
    this.#acceptor = this.#openAcceptor();
    this.#deadSubflows = new DeadSubflows({
      sessions: () => this.#sessions(),
      sockDiag: deps.sockDiag,
      clock: deps.clock,
      log: this.#log,
    });
    this.#deadSubflows.start();
    this.#cancelTrim = deps.clock.every(TRIM_EVERY_MS, trimPools);
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "server") throw new SennitError("bug", "wrong-role", "router's orders for a server");
    const before = this.#orders;
    this.#orders = orders;
    for (const { session } of this.#acceptor.sessions) session.graceMs = orders.graceMs;
    if (before === undefined || !isDeepStrictEqual(before.allowPrivate, orders.allowPrivate)) {
      const policy = new EgressPolicy(orders.allowPrivate, this.#ownAddresses);
      this.#outbound = new Outbound(this.#deps.sockets, policy, this.#log);
    }
    if (before === undefined || before.key === orders.key) return;
    // Another key is another server, which knows nothing of this one's sessions.
    this.#acceptor.stop();
    this.#acceptor = this.#openAcceptor();
  }

  /** Takes in a carrier whose TLS handshake is done, as `Acceptor.receive` does. */
  receive(
    connection: Connection,
    secured: Secured,
    admission: Pick<Admission, "admit">,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#acceptor.receive(connection, secured, admission, signal);
  }

  /** Whether a session with that `sessionKey` is here. */
  has(key: string): boolean {
    return this.#acceptor.has(key);
  }

  async report(): Promise<ShardReport> {
    const now = this.#deps.clock.now();
    const peers = [...this.#acceptor.sessions];
    const total = { ...this.#past };
    for (const { session } of peers) add(total, session);
    const { bytesIn, bytesOut, ...counts } = total;
    return {
      heldBytes: peers.reduce((sum, { session }) => sum + session.heldBytes, 0),
      sessions: peers.map(({ router, session }) => reportSession(session, now, router.id, router.name)),
      counts,
      bytesIn,
      bytesOut,
      unused: [],
      ways: [],
      trouble: null,
    };
  }

  async drain(): Promise<void> {
    for (const { session } of this.#acceptor.sessions) session.leave();
  }

  async stop(): Promise<void> {
    this.#cancelTrim();
    this.#deadSubflows.stop();
    this.#acceptor.stop();
  }

  *#sessions(): Iterable<Session> {
    for (const { session } of this.#acceptor.sessions) yield session;
  }

  #greet(carrier: Carrier, session: Buffer): void {
    if (this.#orders === undefined) return;
    carrier.send({ kind: "probe-key", key: probeKey(probeSecret(this.#orders.key), session) });
  }

  #openAcceptor(): Acceptor {
    const acceptor = new Acceptor({
      clock: this.#deps.clock,
      log: this.#log,
      greet: (carrier, session) => this.#greet(carrier, session),
      graceBytes: () => part(this.#orders?.graceBytes ?? GRACE_BYTES, this.#deps.place),
      createSession: (router, id, onCarriers) => this.#createSession(router, id, onCarriers),
      onEnded: (peer) => {
        add(this.#past, peer.session);
        this.#deps.onEnded?.(sessionKey(peer.router, { session: peer.session.id }));
      },
    });
    acceptor.start();
    return acceptor;
  }

  #createSession(router: KnownRouter, id: Buffer, onCarriers: () => void): Session {
    const { clock, onChange } = this.#deps;
    const session: Session = new Session({
      id,
      dialled: false,
      clock,
      log: this.#log.child({ router: router.name }),
      budget: this.#budget,
      maxFlows: MAX_FLOWS,
      onOpen: (flow) => void this.#outbound?.connect(flow, router.name),
      onCarriers: () => {
        onCarriers();
        onChange();
      },
      onPathFrame: (frame) => {
        if (frame.kind === "verdict") this.#deadSubflows.onVerdict(session, frame);
      },
    });
    session.graceMs = this.#orders?.graceMs ?? GRACE_MS;
    return session;
  }
}

function add(total: SessionCounts & { bytesIn: number; bytesOut: number }, session: Session): void {
  for (const key of Object.keys(session.counts) as (keyof SessionCounts)[]) total[key] += session.counts[key];
  total.bytesIn += session.bytesIn;
  total.bytesOut += session.bytesOut;
}

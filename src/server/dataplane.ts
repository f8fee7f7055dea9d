import { networkInterfaces } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { limited } from "../base/limited.ts";
import type { Log } from "../base/log.ts";
import type { DataPlane } from "../control/datahost.ts";
import type { DataMessage, DataReport, Orders, ServerOrders } from "../control/messages.ts";
import type { SockDiag } from "../linux/sockdiag.ts";
import type { Sockets } from "../linux/sockets.ts";
import { Acceptor } from "../relay/acceptor.ts";
import { Admission, type KnownRouter } from "../relay/admission.ts";
import { WindowBudget } from "../relay/budget.ts";
import type { Carrier } from "../relay/carrier.ts";
import { DeadSubflows } from "../relay/deadsubflows.ts";
import { EgressPolicy } from "../relay/egress.ts";
import { BUFFER_BYTES, GRACE_BYTES, MAX_FLOWS } from "../relay/limits.ts";
import { Outbound } from "../relay/outbound.ts";
import { reportSession } from "../relay/report.ts";
import { Session, type SessionCounts } from "../relay/session.ts";
import { serverContext } from "../relay/tls.ts";

export interface DataPlaneDeps {
  readonly sockets: Sockets;
  readonly sockDiag: SockDiag;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly tell: (event: DataMessage) => void;
}

/** Of each kind: a scanner's whole visit can be read, and a day of scanning is 20 MB. */
const LINES_A_MINUTE = 60;
/** How long the list of our own addresses is good (ms). Every flow asks for it, and making it takes 60 µs. */
const ADDRESSES_MS = 1000;

/** The server's share of the relay: carriers of many routers in, connections to targets out. */
export class ServerDataPlane implements DataPlane {
  readonly #deps: DataPlaneDeps;
  /** Most lines are caused by strangers or by what routers ask for: they must not fill the disk. */
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #budget = new WindowBudget(BUFFER_BYTES);
  readonly #ownAddresses: () => ReadonlySet<string>;
  readonly #past = { opened: 0, refused: 0, reset: 0, moved: 0, carriersLost: 0, bytesIn: 0, bytesOut: 0 };
  readonly #deadSubflows: DeadSubflows;
  #orders: ServerOrders | undefined;
  #acceptor: Acceptor | undefined;
  #outbound: Outbound | undefined;

  constructor(deps: DataPlaneDeps) {
    this.#deps = deps;
    this.#log = limited(deps.log, deps.clock, { lines: LINES_A_MINUTE });
    this.#admission = new Admission(deps.wallClock);
    this.#ownAddresses = ownAddresses(deps.clock);
    this.#deadSubflows = new DeadSubflows({
      carriers: () => this.#carriers(),
      sockDiag: deps.sockDiag,
      clock: deps.clock,
      log: this.#log,
    });
    this.#deadSubflows.start();
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "server") throw new SennitError("bug", "wrong-role", "router's orders for a server");
    this.#admission.update(orders);
    const before = this.#orders;
    this.#orders = orders;
    if (before === undefined || !isDeepStrictEqual(before.allowPrivate, orders.allowPrivate)) {
      const policy = new EgressPolicy(orders.allowPrivate, this.#ownAddresses);
      this.#outbound = new Outbound(this.#deps.sockets, policy, this.#log);
    }
    if (this.#acceptor !== undefined && sameDoor(orders, before)) return;
    await this.#acceptor?.stop();
    this.#acceptor = undefined;
    const acceptor = this.#createAcceptor(orders);
    await acceptor.start(orders.listen);
    this.#acceptor = acceptor;
  }

  report(): DataReport {
    const now = this.#deps.clock.now();
    const peers = [...(this.#acceptor?.sessions ?? [])];
    const total = { ...this.#past };
    for (const { session } of peers) add(total, session);
    const { bytesIn, bytesOut, ...counts } = total;
    return {
      pid: process.pid,
      rssBytes: process.memoryUsage.rss(),
      heldBytes: peers.reduce((sum, { session }) => sum + session.heldBytes, 0),
      limitBytes: BUFFER_BYTES,
      sessions: peers.map(({ router, session }) => reportSession(session, now, router.id, router.name)),
      counts,
      bytesIn,
      bytesOut,
      intercepting: null,
      enrolments: this.#admission.enrolments.map((enrolment) => ({ ...enrolment })),
      unused: [],
      trouble: null,
    };
  }

  *#carriers(): Iterable<Carrier> {
    for (const { session } of this.#acceptor?.sessions ?? []) yield* session.carriers;
  }

  async stop(): Promise<void> {
    this.#deadSubflows.stop();
    await this.#acceptor?.stop();
  }

  #createAcceptor(orders: ServerOrders): Acceptor {
    const { sockets, clock } = this.#deps;
    return new Acceptor({
      sockets,
      clock,
      log: this.#log,
      context: serverContext({ keyPem: orders.key, certificatePem: orders.certificate }),
      admission: this.#admission,
      graceBytes: GRACE_BYTES,
      createSession: (router, id, onCarriers) => this.#createSession(router, id, onCarriers),
      onEnded: ({ session }) => add(this.#past, session),
    });
  }

  #createSession(router: KnownRouter, id: Buffer, onCarriers: () => void): Session {
    const { clock, tell } = this.#deps;
    return new Session({
      id,
      dialled: false,
      clock,
      log: this.#log.child({ router: router.name }),
      budget: this.#budget,
      maxFlows: MAX_FLOWS,
      onOpen: (flow) => void this.#outbound?.connect(flow, router.name),
      onCarriers: () => {
        onCarriers();
        tell({ type: "changed" });
      },
    });
  }
}

/** Whether the same key waits at the same addresses. */
function sameDoor(orders: ServerOrders, before: ServerOrders | undefined): boolean {
  const door = ({ key, certificate, listen }: ServerOrders) => ({ key, certificate, listen });
  return before !== undefined && isDeepStrictEqual(door(orders), door(before));
}

function add(total: SessionCounts & { bytesIn: number; bytesOut: number }, session: Session): void {
  for (const key of Object.keys(session.counts) as (keyof SessionCounts)[]) total[key] += session.counts[key];
  total.bytesIn += session.bytesIn;
  total.bytesOut += session.bytesOut;
}

/** This machine's addresses, at most a second old. */
function ownAddresses(clock: Clock): () => ReadonlySet<string> {
  let known: ReadonlySet<string> = new Set();
  let until = -Infinity;
  return () => {
    if (clock.now() < until) return known;
    until = clock.now() + ADDRESSES_MS;
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    return (known = new Set(all.map(({ address }) => address)));
  };
}

import { createPrivateKey, randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { formatEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DataPlane } from "../control/datahost.ts";
import type { DataMessage, DataReport, Orders, RouterOrders } from "../control/messages.ts";
import { resolve } from "../linux/resolve.ts";
import type { PathManager } from "../linux/pathmanager.ts";
import type { Sockets } from "../linux/sockets.ts";
import { WindowBudget } from "../relay/budget.ts";
import type { Flow } from "../relay/flow.ts";
import { Gate } from "../relay/gate.ts";
import { CarrierPool } from "../relay/pool.ts";
import { reportSession } from "../relay/report.ts";
import { Session } from "../relay/session.ts";
import { Subflows } from "../relay/subflows.ts";
import { MAX_FLOWS, BUFFER_BYTES } from "../relay/limits.ts";
import { Refusal } from "../wire/constants.ts";
import { SESSION_ID_BYTES } from "../wire/hello.ts";

export interface DataPlaneDeps {
  readonly sockets: Sockets;
  readonly paths: PathManager;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: (event: DataMessage) => void;
}

/** The router's share of the relay: connections from the LAN in, carriers to the server out. */
export class RouterDataPlane implements DataPlane {
  readonly #deps: DataPlaneDeps;
  readonly #budget = new WindowBudget(BUFFER_BYTES);
  readonly #session: Session;
  readonly #gate: Gate;
  readonly #subflows: Subflows;
  #pool: CarrierPool | undefined;
  #member: Pick<RouterOrders, "privateKey" | "pin" | "invite"> | undefined;
  #server = "";

  constructor(deps: DataPlaneDeps) {
    const { clock, log, paths, sockets } = deps;
    this.#deps = deps;
    this.#session = new Session({
      id: randomBytes(SESSION_ID_BYTES),
      dialled: true,
      clock,
      log,
      budget: this.#budget,
      maxFlows: MAX_FLOWS,
      // Nothing behind this router is reachable from the server.
      onOpen: (flow) => flow.refuse(Refusal.POLICY),
      onRefused: (flow, reason) => this.#onRefused(flow, reason),
      onCarriers: () => this.#onCarriers(),
    });
    this.#subflows = new Subflows({
      carriers: this.#session.carriers,
      paths,
      otherRemote: (localAddress) => this.#pool?.remoteFor(localAddress),
      clock,
      log,
    });
    this.#subflows.start();
    const onChange = (): void => deps.tell({ type: "changed" });
    this.#gate = new Gate({ session: this.#session, sockets, clock, log, onChange });
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "router") throw new SennitError("bug", "wrong-role", "server's orders for a router");
    this.#gate.prefer(orders.ports);
    this.#belongTo(orders);
    this.#subflows.update(orders.ways.filter(({ device }) => device === undefined));
    this.#pool?.update({ endpoints: orders.endpoints, ways: orders.ways, size: orders.carriers });
  }

  report(): DataReport {
    const session = reportSession(this.#session, this.#deps.clock.now(), this.#server, this.#server);
    const { bytesIn, bytesOut } = this.#session;
    return {
      pid: process.pid,
      rssBytes: process.memoryUsage.rss(),
      heldBytes: this.#session.heldBytes,
      limitBytes: BUFFER_BYTES,
      sessions: [session],
      counts: { ...this.#session.counts },
      bytesIn,
      bytesOut,
      intercepting: this.#gate.ports,
      enrolments: [],
      unused: [...this.#subflows.unused],
      trouble: this.#trouble,
    };
  }

  /** Why new connections do not go through the server, as far as it is known. */
  get #trouble(): string | null {
    if (this.#session.usable) return null;
    if (this.#session.carriers.size > 0) return "the server does not answer";
    return this.#pool?.lastError?.message ?? null;
  }

  async stop(): Promise<void> {
    this.#pool?.stop();
    this.#subflows.stop();
    await this.#gate.stop();
    this.#session.close();
  }

  /** Another key, pin or token is another server: what the old one carried ends with it. */
  #belongTo(orders: RouterOrders): void {
    const { privateKey, pin, invite } = orders;
    const member = { privateKey, pin, invite };
    this.#server = orders.endpoints.map(formatEndpoint).join(", ");
    if (isDeepStrictEqual(member, this.#member)) return;
    this.#member = member;
    this.#pool?.stop();
    for (const carrier of this.#session.carriers) carrier.close();
    this.#pool = this.#createPool(orders);
    this.#pool.start();
  }

  #createPool(orders: RouterOrders): CarrierPool {
    const { sockets, clock, log } = this.#deps;
    return new CarrierPool({
      session: this.#session,
      sockets,
      privateKey: createPrivateKey(orders.privateKey),
      invite: { id: Buffer.from(orders.invite.id, "hex"), secret: Buffer.from(orders.invite.secret, "hex") },
      pin: Buffer.from(orders.pin, "hex"),
      resolve,
      clock,
      log,
    });
  }

  #onCarriers(): void {
    this.#pool?.fill();
    this.#gate.consider();
    this.#deps.tell({ type: "changed" });
  }

  /** The next client of the same target is to hear from the kernel at once what this one could not be told. */
  #onRefused(flow: Flow, reason: Refusal): void {
    const unreachable = reason === Refusal.HOST_UNREACHABLE || reason === Refusal.NETWORK_UNREACHABLE;
    if (unreachable || reason === Refusal.CONNECTION_REFUSED) {
      this.#deps.tell({ type: "refused", target: flow.target, unreachable });
    }
  }
}

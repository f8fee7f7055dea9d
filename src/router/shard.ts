import { createPrivateKey } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { formatEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DataMessage, Orders, RouterOrders } from "../control/messages.ts";
import { part, type Shard, type ShardPlace, type ShardReport } from "../control/shard.ts";
import type { Datagrams } from "../linux/datagrams.ts";
import { resolve } from "../linux/resolve.ts";
import type { PathManager } from "../linux/pathmanager.ts";
import type { Connection, Endpoint, Sockets } from "../linux/sockets.ts";
import { WindowBudget } from "../relay/budget.ts";
import { TRIM_EVERY_MS, trimPools } from "../relay/bufferpool.ts";
import type { Flow } from "../relay/flow.ts";
import { SessionInlet, type Inlet } from "../relay/inlet.ts";
import { BUFFER_BYTES, MAX_FLOWS } from "../relay/limits.ts";
import { CarrierPool } from "../relay/pool.ts";
import { reportSession } from "../relay/report.ts";
import { Session } from "../relay/session.ts";
import { Subflows } from "../relay/subflows.ts";
import { Ways } from "../relay/ways.ts";
import { NatEntries } from "../wan/natentries.ts";
import { Refusal } from "../wire/constants.ts";
import { SESSION_ID_BYTES } from "../wire/hello.ts";

/** What a shard tells: news for control, and what it can carry now. */
export type RouterShardEvent =
  | Extract<DataMessage, { readonly type: "refused" }>
  | { readonly type: "reach"; readonly usable: boolean; readonly carriers: number }
  /** A way has turned out to be there, is dead, or no longer. */
  | { readonly type: "ways" }
  /** The server has kept somebody waiting: the other shards are to `doubt` it as well. */
  | { readonly type: "asking" };

export interface RouterShardDeps {
  readonly place: ShardPlace;
  /** PROCESS_BYTES random bytes of this data process. */
  readonly process: Buffer;
  readonly sockets: Sockets;
  readonly datagrams: Datagrams;
  readonly paths: PathManager;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: (event: RouterShardEvent) => void;
}

/** Carriers to the server with their subflows, and the flows on them. */
export class RouterShard implements Shard, Inlet {
  readonly #deps: RouterShardDeps;
  readonly #session: Session;
  readonly #inlet: SessionInlet;
  readonly #subflows: Subflows;
  readonly #ways: Ways;
  readonly #entries = new NatEntries();
  readonly #cancelTrim: () => void;
  #wayNames: readonly string[] = [];
  #pool: CarrierPool | undefined;
  /** Of the carrier that was dialled last, by whichever pool. */
  #carrierNumber = 0;
  #member: Pick<RouterOrders, "privateKey" | "pin" | "invite"> | undefined;
  #server = "";

  constructor(deps: RouterShardDeps) {
    const { clock, datagrams, log, paths, place } = deps;
    this.#deps = deps;
    const id = sessionId(deps);
    this.#session = new Session({
      id,
      dialled: true,
      clock,
      log,
      budget: new WindowBudget(BUFFER_BYTES, place.budget),
      maxFlows: part(MAX_FLOWS, place),
      // Nothing behind this router is reachable from the server.
      onOpen: (flow) => flow.refuse(Refusal.POLICY),
      onRefused: (flow, reason) => this.#onRefused(flow, reason),
      onCarriers: () => this.#onCarriers(),
      onAsking: () => deps.tell({ type: "asking" }),
      onPathFrame: (frame) => {
        if (frame.kind === "verdict") this.#subflows.onVerdict(frame);
        else this.#ways.useKey(frame.key);
      },
    });
    const remoteFor = (localAddress: string): Endpoint | undefined => this.#pool?.remoteFor(localAddress);
    this.#ways = new Ways({ session: id, datagrams, remoteFor, clock, log });
    this.#inlet = new SessionInlet(this.#session, log);
    this.#subflows = new Subflows({
      carriers: this.#session.carriers,
      paths,
      health: this.#ways,
      otherRemote: remoteFor,
      entries: this.#entries,
      clock,
      log,
    });
    this.#ways.onReturn(({ name }) => this.#pool?.retryNow(name));
    this.#ways.onChange(() => deps.tell({ type: "ways" }));
    this.#ways.start();
    this.#subflows.start();
    this.#cancelTrim = clock.every(TRIM_EVERY_MS, trimPools);
  }

  get usable(): boolean {
    return this.#inlet.usable;
  }

  get carriers(): number {
    return this.#inlet.carriers;
  }

  get flows(): number {
    return this.#inlet.flows;
  }

  take(connection: Connection): void {
    this.#inlet.take(connection);
  }

  /** Asks the server for a sign of life, as another shard has reason to. */
  doubt(): void {
    this.#session.doubt();
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "router") throw new SennitError("bug", "wrong-role", "server's orders for a router");
    this.#session.graceMs = orders.graceMs;
    this.#belongTo(orders);
    this.#ways.update(orders.ways);
    this.#wayNames = [...new Set(orders.ways.map(({ name }) => name))];
    this.#subflows.update(orders.ways.filter(({ device }) => device === undefined));
    const { place } = this.#deps;
    const size = { warm: part(orders.carriers, place), most: part(orders.maxCarriers, place) };
    this.#pool?.update({ endpoints: orders.endpoints, ways: orders.ways, size });
  }

  async report(): Promise<ShardReport> {
    const session = reportSession(this.#session, this.#deps.clock.now(), this.#server, this.#server);
    const { bytesIn, bytesOut, counts, heldBytes } = this.#session;
    return {
      heldBytes,
      sessions: [session],
      counts: { ...counts },
      bytesIn,
      bytesOut,
      ways: this.#wayNames.map((way) => ({ way, ...this.#ways.figures(way) })),
      unused: [...this.#subflows.unused],
      trouble: this.#trouble,
    };
  }

  async drain(): Promise<void> {
    this.#session.leave();
  }

  async stop(): Promise<void> {
    this.#cancelTrim();
    this.#pool?.stop();
    this.#subflows.stop();
    this.#ways.stop();
    this.#session.close();
  }

  /** Why new connections do not go through the server, as far as it is known. */
  get #trouble(): string | null {
    if (this.#session.usable) return null;
    if (this.#session.carriers.size > 0) return "the server does not answer";
    return this.#pool?.lastError?.message ?? null;
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
      entries: this.#entries,
      nextNumber: () => ++this.#carrierNumber,
      resolve,
      bestWay: () => this.#subflows.best,
      lackingWays: () => this.#subflows.unused.map(({ way }) => way),
      clock,
      log,
    });
  }

  #onCarriers(): void {
    this.#pool?.fill();
    this.#deps.tell({ type: "reach", usable: this.usable, carriers: this.carriers });
  }

  /** The next client of the same target is to hear from the kernel at once what this one could not be told. */
  #onRefused(flow: Flow, reason: Refusal): void {
    const unreachable = reason === Refusal.HOST_UNREACHABLE || reason === Refusal.NETWORK_UNREACHABLE;
    if (unreachable || reason === Refusal.CONNECTION_REFUSED) {
      this.#deps.tell({ type: "refused", target: flow.target, unreachable });
    }
  }
}

function sessionId({ process, place }: RouterShardDeps): Buffer {
  const id = Buffer.alloc(SESSION_ID_BYTES);
  process.copy(id);
  id.writeUInt32BE(place.number, SESSION_ID_BYTES - 4);
  return id;
}

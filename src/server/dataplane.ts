import type { SecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { limited } from "../base/limited.ts";
import type { Log } from "../base/log.ts";
import type { DataPlane } from "../control/datahost.ts";
import type { DataMessage, DataReport, Orders, ServerOrders } from "../control/messages.ts";
import { joinReports, type Shard, type ShardPlace } from "../control/shard.ts";
import type { Datagrams } from "../linux/datagrams.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import { Admission } from "../relay/admission.ts";
import { budgetCells } from "../relay/budget.ts";
import { Door } from "../relay/door.ts";
import { BUFFER_BYTES, LINES_A_MINUTE } from "../relay/limits.ts";
import { ProbeResponder } from "../relay/proberesponder.ts";
import { direct, serverContext, tlsAccept, type Secured } from "../relay/tls.ts";
import { probeSecret } from "../wire/probe.ts";
import { Reception, type ArrivalShard } from "./reception.ts";
import type { ServerShard } from "./shard.ts";
import type { ServerShardEvent } from "./shardthread.ts";

export interface DataPlaneDeps {
  readonly sockets: Sockets;
  readonly datagrams: Datagrams;
  /** Makes the only shard, in this thread. */
  readonly openShard: (place: ShardPlace, onChange: () => void) => ServerShard;
  /** Starts one of several, in a thread of its own. */
  readonly startShard: (place: ShardPlace, tell: (event: ServerShardEvent) => void) => Shard & ArrivalShard;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly tell: (event: DataMessage) => void;
}

/** Brings a connection on which TLS is done to the shard of its session. */
type Receive = (connection: Connection, secured: Secured, signal: AbortSignal) => Promise<void>;

/** The server's share of the relay: carriers of many routers in, each to the shard of its session. */
export class ServerDataPlane implements DataPlane {
  readonly #deps: DataPlaneDeps;
  /** Most lines are caused by strangers: they must not fill the disk. */
  readonly #log: Log;
  readonly #admission: Admission;
  #shards: readonly Shard[] = [];
  #receive: Receive | undefined;
  #context: SecureContext | undefined;
  #door: Door | undefined;
  #responder: ProbeResponder | undefined;
  #orders: ServerOrders | undefined;
  #draining = false;

  constructor(deps: DataPlaneDeps) {
    this.#deps = deps;
    this.#log = limited(deps.log, deps.clock, { lines: LINES_A_MINUTE });
    this.#admission = new Admission(deps.wallClock);
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "server") throw new SennitError("bug", "wrong-role", "router's orders for a server");
    this.#admission.update(orders);
    const before = this.#orders;
    this.#orders = orders;
    this.#receive ??= this.#openShards(orders.workers);
    await Promise.all(this.#shards.map((shard) => shard.configure(orders)));
    if (this.#draining || (this.#door !== undefined && sameDoor(orders, before))) return;
    await this.#closeDoor();
    const { key, certificate, listen } = orders;
    this.#context = serverContext({ keyPem: key, certificatePem: certificate });
    const { sockets, clock } = this.#deps;
    const door = new Door({ sockets, clock, log: this.#log, shake: this.#shake });
    await door.open(listen);
    this.#door = door;
    this.#responder = new ProbeResponder({ ...this.#deps, log: this.#log, secret: probeSecret(key) });
    this.#responder.listen(listen);
  }

  async report(): Promise<DataReport> {
    const reports = await Promise.all(this.#shards.map((shard) => shard.report()));
    return {
      pid: process.pid,
      rssBytes: process.memoryUsage.rss(),
      limitBytes: BUFFER_BYTES,
      intercepting: null,
      enrolments: this.#admission.enrolments.map((enrolment) => ({ ...enrolment })),
      ...joinReports(reports),
    };
  }

  async drain(): Promise<void> {
    this.#draining = true;
    // Before routers hear of it and dial: they must not come in here again.
    await this.#closeDoor();
    await Promise.all(this.#shards.map((shard) => shard.drain()));
  }

  async stop(): Promise<void> {
    await this.#closeDoor();
    await Promise.all(this.#shards.map((shard) => shard.stop()));
  }

  async #closeDoor(): Promise<void> {
    this.#responder?.stop();
    await this.#door?.close();
    this.#door = undefined;
  }

  readonly #shake = async (connection: Connection, signal: AbortSignal): Promise<void> => {
    const [context, receive] = [this.#context, this.#receive];
    if (context === undefined || receive === undefined)
      throw new SennitError("bug", "not-configured", "a door without orders");
    await receive(connection, await tlsAccept(connection, context, signal), signal);
  };

  /** As many as the first orders say, for as long as this process lives. */
  #openShards(workers: number): Receive {
    const { openShard, startShard, clock, tell } = this.#deps;
    // Node's own TLS can't go to another thread.
    const of = direct() ? workers : 1;
    const cells = budgetCells(of);
    const place = (number: number): ShardPlace => ({ number, of, budget: { cells, thread: number } });
    const onChange = (): void => tell({ type: "changed" });
    if (of === 1) {
      const shard = openShard(place(0), onChange);
      this.#shards = [shard];
      return (connection, secured, signal) => shard.receive(connection, secured, this.#admission, signal);
    }
    const shards = Array.from({ length: of }, (_, number) =>
      startShard(place(number), (event) => {
        if (event.type === "vacated") reception.vacated(number, event.session, event.taken);
        else onChange();
      }),
    );
    this.#shards = shards;
    const reception = new Reception({ shards, admission: this.#admission, clock });
    return (connection, secured, signal) => reception.receive(connection, secured, signal);
  }
}

/** Whether the same key waits at the same addresses. */
function sameDoor(orders: ServerOrders, before: ServerOrders | undefined): boolean {
  const door = ({ key, certificate, listen }: ServerOrders) => ({ key, certificate, listen });
  return before !== undefined && isDeepStrictEqual(door(orders), door(before));
}

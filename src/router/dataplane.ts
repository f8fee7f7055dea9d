import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DataPlane } from "../control/datahost.ts";
import type { DataMessage, DataReport, Orders, RouterOrders } from "../control/messages.ts";
import { joinReports, type Shard, type ShardPlace } from "../control/shard.ts";
import type { Sockets } from "../linux/sockets.ts";
import { budgetCells } from "../relay/budget.ts";
import { Gate } from "../relay/gate.ts";
import { SharedInlet, type Inlet } from "../relay/inlet.ts";
import { BUFFER_BYTES } from "../relay/limits.ts";
import { PROCESS_BYTES } from "../wire/hello.ts";
import type { RouterShardEvent } from "./shard.ts";

export interface RouterShardPlan {
  readonly place: ShardPlace;
  /** PROCESS_BYTES random bytes of this data process. */
  readonly process: Buffer;
  readonly tell: (event: RouterShardEvent) => void;
}

/** A shard that connections from the LAN are given to. */
export interface InletShard extends Shard, Inlet {
  /** Asks the server for a sign of life, as another shard has reason to. */
  doubt(): void;
}

export interface DataPlaneDeps {
  readonly sockets: Sockets;
  /** Opens a shard: in this thread where it is the only one, else in a thread of its own. */
  readonly openShard: (plan: RouterShardPlan) => InletShard;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: (event: DataMessage) => void;
}

/** The router's share of the relay: connections from the LAN in, by way of one of the shards to the server. */
export class RouterDataPlane implements DataPlane {
  readonly #deps: DataPlaneDeps;
  #shards: readonly InletShard[] = [];
  #gate: Gate | undefined;

  constructor(deps: DataPlaneDeps) {
    this.#deps = deps;
  }

  async configure(orders: Orders): Promise<void> {
    if (orders.role !== "router") throw new SennitError("bug", "wrong-role", "server's orders for a router");
    this.#gate ??= this.#openShards(orders);
    this.#gate.prefer(orders.ports);
    await Promise.all(this.#shards.map((shard) => shard.configure(orders)));
  }

  async report(): Promise<DataReport> {
    const reports = await Promise.all(this.#shards.map((shard) => shard.report()));
    return {
      pid: process.pid,
      rssBytes: process.memoryUsage.rss(),
      limitBytes: BUFFER_BYTES,
      intercepting: this.#gate?.ports ?? null,
      enrolments: [],
      ...joinReports(reports),
    };
  }

  async drain(): Promise<void> {
    await Promise.all([this.#gate?.retire(), ...this.#shards.map((shard) => shard.drain())]);
  }

  async stop(): Promise<void> {
    await this.#gate?.stop();
    await Promise.all(this.#shards.map((shard) => shard.stop()));
  }

  /** As many as the first orders say, for as long as this process lives; each has a carrier at least. */
  #openShards({ workers, carriers }: RouterOrders): Gate {
    const { sockets, openShard, clock, log } = this.#deps;
    const of = Math.min(workers, carriers);
    const [cells, instance] = [budgetCells(of), randomBytes(PROCESS_BYTES)];
    this.#shards = Array.from({ length: of }, (_, number) =>
      openShard({
        place: { number, of, budget: { cells, thread: number } },
        process: instance,
        tell: (event) => this.#onEvent(number, event),
      }),
    );
    const onChange = (): void => this.#deps.tell({ type: "changed" });
    return new Gate({ inlet: new SharedInlet(this.#shards), sockets, clock, log, onChange });
  }

  #onEvent(number: number, event: RouterShardEvent): void {
    switch (event.type) {
      case "refused":
        this.#deps.tell(event);
        return;
      case "asking":
        // One user is to find out that the server is gone, not one a shard.
        for (const [other, shard] of this.#shards.entries()) if (other !== number) shard.doubt();
        return;
      case "ways":
        this.#deps.tell({ type: "changed" });
        return;
      case "reach":
        this.#gate?.consider();
        this.#deps.tell({ type: "changed" });
    }
  }
}

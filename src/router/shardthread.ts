import type { MessagePort } from "node:worker_threads";
import type { Orders } from "../control/messages.ts";
import type { ShardReport } from "../control/shard.ts";
import { serveShard } from "../control/shardport.ts";
import { ShardThread, type ShardThreadOptions } from "../control/shardthread.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import type { InletShard } from "./dataplane.ts";
import type { RouterShard, RouterShardEvent } from "./shard.ts";

/** What goes into a shard's thread: a connection from the LAN, or a doubt. */
type Handover = { readonly type: "connection"; readonly descriptor: number } | { readonly type: "doubt" };

export interface RouterShardThreadOptions extends ShardThreadOptions<RouterShardEvent> {
  /** Where the thread counts the connections that were handed to it and have ended (one Int32). */
  readonly ended: SharedArrayBuffer;
}

/** A router's shard in a thread of its own, as the main thread sees it. */
export class RouterShardThread implements InletShard {
  readonly #thread: ShardThread<Handover, RouterShardEvent>;
  readonly #ended: Int32Array;
  #handed = 0;
  usable = false;
  carriers = 0;

  constructor({ ended, ...options }: RouterShardThreadOptions) {
    this.#ended = new Int32Array(ended);
    this.#thread = new ShardThread({
      ...options,
      onEvent: (event) => {
        if (event.type === "reach") {
          this.usable = event.usable;
          this.carriers = event.carriers;
        }
        options.onEvent(event);
      },
    });
  }

  /** At once, also while a burst of connections is on its way to the thread. */
  get flows(): number {
    // Both counters wrap around alike.
    return (this.#handed - Atomics.load(this.#ended, 0)) | 0;
  }

  take(connection: Connection): void {
    const descriptor = connection.release();
    if (descriptor === undefined) {
      connection.reset();
      return;
    }
    this.#handed = (this.#handed + 1) | 0;
    this.#thread.take({ type: "connection", descriptor });
  }

  doubt(): void {
    this.#thread.take({ type: "doubt" });
  }

  configure(orders: Orders): Promise<void> {
    return this.#thread.configure(orders);
  }

  report(): Promise<ShardReport> {
    return this.#thread.report();
  }

  drain(): Promise<void> {
    return this.#thread.drain();
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}

export interface ServedRouterShard {
  readonly sockets: Sockets;
  readonly ended: SharedArrayBuffer;
  readonly create: (tell: (event: RouterShardEvent) => void) => RouterShard;
}

/** The other end of it, in that thread. */
export function serveRouterShard(port: MessagePort, { sockets, ended, create }: ServedRouterShard): void {
  const counter = new Int32Array(ended);
  const countEnd = (): void => void Atomics.add(counter, 0, 1);
  serveShard<Handover, RouterShardEvent>(port, (tell) => {
    const shard = create(tell);
    return {
      configure: (orders) => shard.configure(orders),
      report: () => shard.report(),
      drain: () => shard.drain(),
      stop: () => shard.stop(),
      take: (what) => {
        if (what.type === "doubt") {
          shard.doubt();
          return;
        }
        const connection = sockets.adopt(what.descriptor);
        if (connection === undefined) {
          countEnd();
          return;
        }
        connection.stream.once("close", countEnd);
        shard.take(connection);
      },
    };
  });
}

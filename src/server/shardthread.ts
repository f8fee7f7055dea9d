import type { MessagePort } from "node:worker_threads";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Orders } from "../control/messages.ts";
import type { Shard, ShardReport } from "../control/shard.ts";
import { serveShard } from "../control/shardport.ts";
import { ShardThread, type ShardThreadOptions } from "../control/shardthread.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import type { KnownRouter } from "../relay/admission.ts";
import { securedBy } from "../relay/tls.ts";
import type { Suite } from "../relay/tlsrecords.ts";
import type { Arrival, ArrivalShard } from "./reception.ts";
import type { ServerShard, ServerShardDeps } from "./shard.ts";

/** What a shard in a thread tells. */
export type ServerShardEvent =
  | { readonly type: "changed" }
  /** It has nothing of a session, after as many carriers as `taken`. */
  | { readonly type: "vacated"; readonly session: string; readonly taken: number };

/** An arrival as threads can be told of it. */
interface Handover {
  readonly descriptor: number;
  readonly router: KnownRouter;
  readonly session: string;
  readonly suite: Suite;
  readonly exporter: Uint8Array;
  readonly sendSecret: Uint8Array;
  readonly receiveSecret: Uint8Array;
  readonly early: Uint8Array;
}

/** A server's shard in a thread of its own, as the main thread sees it. */
export class ServerShardThread implements Shard, ArrivalShard {
  readonly #thread: ShardThread<Handover, ServerShardEvent>;

  constructor(options: ShardThreadOptions<ServerShardEvent>) {
    this.#thread = new ShardThread(options);
  }

  take(connection: Connection, { router, session, exporter, tls }: Arrival): void {
    const descriptor = connection.release();
    if (descriptor === undefined) throw new SennitError("network", "carrier-lost", "the connection is gone");
    // Copies: what is sent of a Buffer is all the memory that it is a part of.
    this.#thread.take({
      descriptor,
      router,
      session,
      suite: tls.suite,
      exporter: new Uint8Array(exporter),
      sendSecret: new Uint8Array(tls.sendSecret),
      receiveSecret: new Uint8Array(tls.receiveSecret),
      early: new Uint8Array(tls.early),
    });
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

export interface ServedServerShard {
  readonly sockets: Sockets;
  readonly log: Log;
  readonly create: (tell: Pick<ServerShardDeps, "onChange" | "onEnded">) => ServerShard;
}

/** The other end of it, in that thread. */
export function serveServerShard(port: MessagePort, { sockets, log, create }: ServedServerShard): void {
  serveShard<Handover, ServerShardEvent>(port, (tell) => {
    let taken = 0;
    /** Sessions of carriers that have not been taken in yet, with how many. */
    const arriving = new Map<string, number>();
    const tellIfVacant = (session: string): void => {
      if (!arriving.has(session) && !shard.has(session)) tell({ type: "vacated", session, taken });
    };
    const shard = create({ onChange: () => tell({ type: "changed" }), onEnded: tellIfVacant });
    const { signal } = new AbortController();

    const receive = async (what: Handover): Promise<void> => {
      const connection = sockets.adopt(what.descriptor);
      if (connection === undefined)
        throw new SennitError("network", "carrier-lost", "the connection is gone");
      connection.stream.on("error", () => undefined);
      const secured = securedBy(connection, bufferOf(what.exporter), {
        suite: what.suite,
        sendSecret: bufferOf(what.sendSecret),
        receiveSecret: bufferOf(what.receiveSecret),
        early: bufferOf(what.early),
      });
      await shard.receive(connection, secured, { admit: () => what.router }, signal);
    };

    return {
      configure: (orders) => shard.configure(orders),
      report: () => shard.report(),
      drain: () => shard.drain(),
      stop: () => shard.stop(),
      take: (what) => {
        taken++;
        arriving.set(what.session, (arriving.get(what.session) ?? 0) + 1);
        receive(what)
          .catch((error: unknown) => log.warn({ why: messageOf(error) }, "refused"))
          .finally(() => {
            const left = (arriving.get(what.session) ?? 1) - 1;
            if (left > 0) arriving.set(what.session, left);
            else arriving.delete(what.session);
            tellIfVacant(what.session);
          });
      },
    };
  });
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

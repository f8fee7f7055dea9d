import type { MessagePort } from "node:worker_threads";
import { messageOf } from "../base/errors.ts";
import type { Shard } from "./shard.ts";
import type { FromShard, ShardRequest, ToShard } from "./shardthread.ts";

/** A shard that takes over what the main thread hands to it. */
export interface TakingShard<Handover> extends Shard {
  take(what: Handover): void;
}

/** Runs a shard in this thread, for the main thread at the other end of `port`, until that stops it. */
export function serveShard<Handover, Event>(
  port: MessagePort,
  create: (tell: (event: Event) => void) => TakingShard<Handover>,
): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  const send = (message: FromShard<Event>): void => port.postMessage(message);
  const shard = create((event) => send({ type: "event", event }));

  const carryOut = async (request: ShardRequest): Promise<unknown> => {
    switch (request.type) {
      case "configure":
        return shard.configure(request.orders);
      case "report?":
        return shard.report();
      case "drain":
        return shard.drain();
      case "stop":
        return shard.stop();
    }
  };

  const answer = async (number: number, request: ShardRequest): Promise<void> => {
    try {
      send({ type: "answer", number, value: await carryOut(request) });
    } catch (error) {
      send({ type: "failed", number, why: messageOf(error) });
    }
    // Nothing else keeps the thread, once its connections have ended.
    if (request.type === "stop") port.close();
  };

  port.on("message", (message: ToShard<Handover>) => {
    if (message.type === "take") shard.take(message.what);
    else void answer(message.number, message.request);
  });
}

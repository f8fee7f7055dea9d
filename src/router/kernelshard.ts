import { systemClock } from "../base/clock.ts";
import type { Log, LogOptions } from "../base/log.ts";
import type { ShardPlace } from "../control/shard.ts";
import { kernelDatagrams } from "../linux/kerneldatagrams.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import { kernelPathManager } from "../linux/pathmanager.ts";
import type { InletShard, RouterShardPlan } from "./dataplane.ts";
import { RouterShard } from "./shard.ts";
import { RouterShardThread } from "./shardthread.ts";

/** What a thread is told when it starts. */
export interface RouterShardData {
  readonly place: ShardPlace;
  readonly process: Uint8Array;
  readonly ended: SharedArrayBuffer;
  readonly log: LogOptions;
}

/** A shard on the kernel's sockets, in this thread. */
export function kernelRouterShard(plan: RouterShardPlan, log: Log): RouterShard {
  const [sockets, datagrams] = [kernelSockets(), kernelDatagrams()];
  const [paths, clock] = [kernelPathManager(), systemClock];
  return new RouterShard({ ...plan, sockets, datagrams, paths, clock, log });
}

/** The same, in a thread of its own; `onDied` as with ShardThread. */
export function startRouterShard(
  plan: RouterShardPlan,
  log: LogOptions,
  onDied: (error: Error) => void,
): InletShard {
  const ended = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const workerData: RouterShardData = {
    place: plan.place,
    process: new Uint8Array(plan.process),
    ended,
    log,
  };
  const entry = new URL("./shard-main.ts", import.meta.url);
  return new RouterShardThread({ entry, workerData, ended, clock: systemClock, onEvent: plan.tell, onDied });
}

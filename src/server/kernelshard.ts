import { systemClock } from "../base/clock.ts";
import type { Log, LogOptions } from "../base/log.ts";
import type { Shard, ShardPlace } from "../control/shard.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import { kernelSockDiag } from "../linux/sockdiag.ts";
import type { ArrivalShard } from "./reception.ts";
import { ServerShard, type ServerShardDeps } from "./shard.ts";
import { ServerShardThread, type ServerShardEvent } from "./shardthread.ts";

/** What a thread is told when it starts. */
export interface ServerShardData {
  readonly place: ShardPlace;
  readonly log: LogOptions;
}

/** A shard on the kernel's sockets, in this thread. */
export function kernelServerShard(
  place: ShardPlace,
  log: Log,
  tell: Pick<ServerShardDeps, "onChange" | "onEnded">,
): ServerShard {
  return new ServerShard({
    place,
    ...tell,
    sockets: kernelSockets(),
    sockDiag: kernelSockDiag(),
    clock: systemClock,
    log,
  });
}

/** The same, in a thread of its own; `onDied` as with ShardThread. */
export function startServerShard(
  place: ShardPlace,
  log: LogOptions,
  tell: (event: ServerShardEvent) => void,
  onDied: (error: Error) => void,
): Shard & ArrivalShard {
  const workerData: ServerShardData = { place, log };
  const entry = new URL("./shard-main.ts", import.meta.url);
  return new ServerShardThread({ entry, workerData, clock: systemClock, onEvent: tell, onDied });
}

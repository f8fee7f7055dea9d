import { parentPort, workerData } from "node:worker_threads";
import { SennitError } from "../base/errors.ts";
import { createLog } from "../base/log.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import { kernelServerShard, type ServerShardData } from "./kernelshard.ts";
import { serveServerShard } from "./shardthread.ts";

/* A thread of a server's data process, where there are several. */

const { place, log: options } = workerData as ServerShardData;
if (parentPort === null) throw new SennitError("bug", "no-parent", "not to be started by itself");
const log = createLog(options).child({ shard: place.number });
serveServerShard(parentPort, {
  sockets: kernelSockets(),
  log,
  create: (tell) => kernelServerShard(place, log, tell),
});

import { parentPort, workerData } from "node:worker_threads";
import { SennitError } from "../base/errors.ts";
import { createLog } from "../base/log.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import { kernelRouterShard, type RouterShardData } from "./kernelshard.ts";
import { serveRouterShard } from "./shardthread.ts";

/* A thread of a router's data process, where there are several. */

const { place, process, ended, log: options } = workerData as RouterShardData;
if (parentPort === null) throw new SennitError("bug", "no-parent", "not to be started by itself");
const log = createLog(options).child({ shard: place.number });
serveRouterShard(parentPort, {
  sockets: kernelSockets(),
  ended,
  create: (tell) => kernelRouterShard({ place, process: Buffer.from(process), tell }, log),
});

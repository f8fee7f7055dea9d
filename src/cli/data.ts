import { flushCompileCache } from "node:module";
import { Argument, Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { createLog, type Log, type LogLevel, type LogOptions } from "../base/log.ts";
import type { Role } from "../config/fields.ts";
import { DataHost, type DataHostOptions } from "../control/datahost.ts";
import { dataSocket } from "../control/place.ts";
import { kernelDatagrams } from "../linux/kerneldatagrams.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import type { InletShard, RouterShardPlan } from "../router/dataplane.ts";

type CreatePlane = DataHostOptions["createPlane"];

/** A role's share of the relay; the other's code is never read. */
const PLANES: Readonly<Record<Role, (log: Log, options: LogOptions) => Promise<CreatePlane>>> = {
  router: async (log, options) => {
    const { RouterDataPlane } = await import("../router/dataplane.ts");
    const { kernelRouterShard, startRouterShard } = await import("../router/kernelshard.ts");
    const [sockets, clock] = [kernelSockets(), systemClock];
    const openShard = (plan: RouterShardPlan): InletShard =>
      plan.place.of === 1 ? kernelRouterShard(plan, log) : startRouterShard(plan, options, onShardDied);
    return (tell) => new RouterDataPlane({ sockets, openShard, clock, log, tell });
  },
  server: async (log, options) => {
    const { ServerDataPlane } = await import("../server/dataplane.ts");
    const { kernelServerShard, startServerShard } = await import("../server/kernelshard.ts");
    const [sockets, clock, wallClock] = [kernelSockets(), systemClock, Date.now];
    return (tell) =>
      new ServerDataPlane({
        sockets,
        datagrams: kernelDatagrams(),
        openShard: (place, onChange) => kernelServerShard(place, log, { onChange }),
        startShard: (place, tellOf) => startServerShard(place, options, tellOf, onShardDied),
        clock,
        wallClock,
        log,
        tell,
      });
  },
};

/** Nobody catches it: it ends the process (`runData`). */
function onShardDied(error: Error): never {
  throw error;
}

/**
 * The command behind `dataArgv` (role.ts). It stands apart from the roles' own commands because what this file imports is what a
 * data process weighs: no config, no API, no command but this.
 */
export function dataCommand(): Command {
  return new Command("data")
    .description("A role's data process, as control starts it")
    .addArgument(new Argument("<role>").choices(Object.keys(PLANES)))
    .requiredOption("--dir <path>")
    .requiredOption("--log-level <level>")
    .action(async (role: Role, { dir, logLevel }: { readonly dir: string; readonly logLevel: LogLevel }) => {
      const options: LogOptions = { name: `${role}-data`, level: logLevel };
      const log = createLog(options);
      const createPlane = await PLANES[role](log, options);
      const socket = dataSocket(dir, process.pid);
      await runData(new DataHost({ role, socket, clock: systemClock, log, createPlane }), log);
    });
}

/** Runs a data process until control or a signal stops it. What nobody expected is logged before it ends us. */
async function runData(host: DataHost, log: Log): Promise<void> {
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, `data process failed: ${messageOf(error)}`);
    process.exit(1);
  });
  // Ctrl-C in a terminal is control's affair; it tells us.
  process.on("SIGINT", () => undefined);
  process.once("SIGTERM", () => host.stop());
  // Now, because a process that is killed one day writes nothing.
  flushCompileCache();
  await host.run();
}

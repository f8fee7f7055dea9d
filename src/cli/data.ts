import { flushCompileCache } from "node:module";
import { Argument, Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { createLog, type Log, type LogLevel } from "../base/log.ts";
import type { Role } from "../config/fields.ts";
import { DataHost, type DataHostOptions } from "../control/datahost.ts";
import { dataSocket } from "../control/place.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";

type CreatePlane = DataHostOptions["createPlane"];

/** A role's share of the relay; the other's code is never read. */
const PLANES: Readonly<Record<Role, (log: Log) => Promise<CreatePlane>>> = {
  router: async (log) => {
    const { RouterDataPlane } = await import("../router/dataplane.ts");
    const { kernelPathManager } = await import("../linux/pathmanager.ts");
    return (tell) =>
      new RouterDataPlane({
        sockets: kernelSockets(),
        paths: kernelPathManager(),
        clock: systemClock,
        log,
        tell,
      });
  },
  server: async (log) => {
    const { ServerDataPlane } = await import("../server/dataplane.ts");
    const { kernelSockDiag } = await import("../linux/sockdiag.ts");
    const wallClock = Date.now;
    return (tell) =>
      new ServerDataPlane({
        sockets: kernelSockets(),
        sockDiag: kernelSockDiag(),
        clock: systemClock,
        wallClock,
        log,
        tell,
      });
  },
};

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
      const log = createLog({ name: `${role}-data`, level: logLevel });
      const createPlane = await PLANES[role](log);
      await runData(new DataHost({ role, socket: dataSocket(dir), log, createPlane }), log);
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

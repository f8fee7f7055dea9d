import { systemClock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { openKernel } from "../control/kernel.ts";
import { stopDataProcess } from "../control/dataprocess.ts";
import { dataSocket } from "../control/place.ts";
import { privateDirectory } from "../store/private.ts";
import { writeLine } from "./output.ts";

interface Program {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Runs a control process until SIGINT or SIGTERM, then stops it in good order. */
export async function runUntilSignal(program: Program, log: Log): Promise<void> {
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  await program.start();
  log.info({}, "running");
  log.info({ signal: await asked }, "stopping");
  await program.stop();
}

/** Runs a data process until control or a signal stops it. What nobody expected is logged before it ends us. */
export async function runData(host: { run(): Promise<void>; stop(): void }, log: Log): Promise<void> {
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, `data process failed: ${messageOf(error)}`);
    process.exit(1);
  });
  // Ctrl-C in a terminal is control's affair; it tells us.
  process.on("SIGINT", () => undefined);
  process.once("SIGTERM", () => host.stop());
  await host.run();
}

/** Takes away what a killed role left behind: its data process and everything in the kernel that is its own. */
export async function cleanRole(runDirectory: string, log: Log): Promise<void> {
  await privateDirectory(runDirectory);
  if (await stopDataProcess(dataSocket(runDirectory), systemClock)) writeLine("stopped the data process");
  const { done, errors } = await openKernel(runDirectory, log).reconciler.clean();
  writeLine(
    done.length === 0 ? "nothing was left in the kernel" : `took back ${done.length} changes in the kernel`,
  );
  const [first] = errors;
  if (first !== undefined) {
    const rest = errors.map((error) => error.message).join("; ");
    throw new SennitError("kernel", first.code, `not everything could be taken back: ${rest}`, {
      cause: first,
    });
  }
}

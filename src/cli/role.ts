import { flushCompileCache } from "node:module";
import { Command, Option } from "commander";
import { refuseRunning, socketPath } from "../api/listen.ts";
import { systemClock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { createLog, type Log, type LogLevel } from "../base/log.ts";
import type { Role } from "../config/fields.ts";
import { stopDataProcesses } from "../control/datastarter.ts";
import { endDhcpClients } from "../control/dhcpclient.ts";
import { openKernel } from "../control/kernel.ts";
import { endLanService } from "../control/lanservice.ts";
import { lockNamespace } from "../control/lock.ts";
import { selfArgv } from "../control/place.ts";
import { privateDirectory } from "../store/private.ts";
import { writeJson, writeLine } from "./output.ts";

/** What every role's config says. */
interface RoleConfig {
  readonly directories: { readonly run: string };
  readonly log: { readonly level: LogLevel };
}

interface Program {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs a control process until SIGINT or SIGTERM, then stops it in good order. Throws `already-running` where this
 * network namespace has one.
 */
export async function runUntilSignal(program: Program, log: Log): Promise<void> {
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  const unlock = await lockNamespace();
  // Now, because a process that is killed one day writes nothing.
  flushCompileCache();
  try {
    await program.start();
    log.info({}, "running");
    log.info({ signal: await asked }, "stopping");
    await program.stop();
  } finally {
    unlock();
  }
}

/** This process goes on as the program that is installed now, with the same arguments and the same pid. */
export function goOn(): void {
  process.execve?.(process.execPath, selfArgv(...process.argv.slice(2)), process.env);
}

/** Starts a role's data process. It reads no config file: one that was broken meanwhile must not keep it from starting. */
export function dataArgv(role: Role, { directories, log }: RoleConfig): readonly [string, ...string[]] {
  return selfArgv("data", role, "--dir", directories.run, "--log-level", log.level);
}

/** `sennit ROLE clean`. */
export function cleanCommand(
  role: Role,
  defaultFile: string,
  load: (file: string) => Promise<RoleConfig>,
): Command {
  return new Command("clean")
    .description(`Take away what a killed ${role} left in the kernel`)
    .option("-c, --config <file>", `the ${role}'s config file`, defaultFile)
    .addOption(
      new Option("--dir <path>", "its run directory, where the config file is of no use").conflicts("config"),
    )
    .option("--json", "write JSON: what was found and taken away")
    .action(async ({ config, dir, json }: CleanOptions) => {
      const found = dir === undefined ? await load(config) : undefined;
      const log = createLog({ name: role, level: found?.log.level ?? "info" });
      const cleaned = await clean(dir ?? found?.directories.run ?? "", log);
      if (json) writeJson(cleaned);
      else for (const line of cleanedLines(cleaned)) writeLine(line);
    });
}

interface CleanOptions {
  readonly config: string;
  readonly dir?: string;
  readonly json?: true;
}

interface Cleaned {
  /** Data processes. */
  readonly stoppedData: number;
  /** dnsmasq and DHCP clients. */
  readonly stoppedHelpers: number;
  readonly changesTakenBack: number;
}

function cleanedLines({ stoppedData, stoppedHelpers, changesTakenBack }: Cleaned): readonly string[] {
  return [
    ...(stoppedData > 0 ? [`stopped the data process${stoppedData > 1 ? "es" : ""}`] : []),
    ...(stoppedHelpers > 0 ? [`stopped ${stoppedHelpers} of dnsmasq and udhcpc`] : []),
    changesTakenBack === 0
      ? "nothing was left in the kernel"
      : `took back ${changesTakenBack} changes in the kernel`,
  ];
}

/**
 * Takes away what a killed role left behind: its data process and everything in the kernel that is its own. Throws
 * `already-running` where it was not killed.
 */
async function clean(runDirectory: string, log: Log): Promise<Cleaned> {
  await privateDirectory(runDirectory);
  await refuseRunning(socketPath(runDirectory));
  const unlock = await lockNamespace();
  try {
    const stoppedData = await stopDataProcesses(runDirectory, systemClock);
    const stoppedHelpers = (await endLanService(runDirectory)) + (await endDhcpClients());
    const { done, errors } = await openKernel(runDirectory, log).reconciler.clean();
    const [first] = errors;
    if (first !== undefined) {
      const rest = errors.map((error) => error.message).join("; ");
      throw new SennitError("kernel", first.code, `not everything could be taken back: ${rest}`, {
        cause: first,
      });
    }
    return { stoppedData, stoppedHelpers, changesTakenBack: done.length };
  } finally {
    unlock();
  }
}

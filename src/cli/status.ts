import { Command, Option } from "commander";
import { existsSync } from "node:fs";
import { Client } from "../api/client.ts";
import { socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import { explain, SennitError } from "../base/errors.ts";
import { defaultRunDirectory, type Role } from "../config/fields.ts";
import { readText } from "../config/load.ts";
import { roleOfConfig } from "../config/role.ts";
import { parseRouterConfig } from "../config/router.ts";
import { parseServerConfig } from "../config/server.ts";
import { writeJson, writeLine } from "./output.ts";
import { renderStatus } from "./status-view.ts";

/** The ways to say which running role is meant. */
export interface Target {
  readonly socket?: string;
  readonly dir?: string;
  readonly config?: string;
}

const ROLES: readonly Role[] = ["router", "server"];

export function statusCommand(): Command {
  const status = new Command("status")
    .description("Show what the router or server on this machine is doing")
    .option("--json", "write JSON: the report of the role named, or a list of those found")
    .action(async (options: Target & { readonly json?: true }) => {
      const found = await socketsOf(options);
      const reports = await reportsOf(found);
      if (options.json) return writeJson(isNamed(options) ? reports[0] : reports);
      for (const [index, report] of reports.entries()) {
        if (index > 0) writeLine();
        for (const line of renderStatus(report)) writeLine(line);
      }
    });
  for (const option of targetOptions()) status.addOption(option);
  return status;
}

/**
 * What those say that answer. A socket that a killed role left says nothing; any other failure is told. Throws where
 * nobody answers.
 */
export async function reportsOf(sockets: readonly string[]): Promise<readonly StatusReport[]> {
  const answers = await Promise.allSettled(sockets.map((socket) => new Client(socket).status()));
  const failures = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  );
  const telling = failures.filter((error) => !(error instanceof SennitError && error.code === "not-running"));
  if (failures.length === answers.length) throw telling[0] ?? failures[0];
  for (const error of telling) process.stderr.write(`sennit: ${explain(error)}\n`);
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

/** The options of every command that talks to a running role. */
export function targetOptions(): Option[] {
  return [
    new Option("--socket <path>", "the API's socket").conflicts(["dir", "config"]),
    new Option("--dir <path>", "the run directory the socket is in").conflicts(["config"]),
    new Option("-c, --config <file>", "the config file of the role"),
  ];
}

const isNamed = ({ socket, dir, config }: Target): boolean => (socket ?? dir ?? config) !== undefined;

/**
 * The sockets of the roles meant: the one that is named, or those of the default run directories. Throws
 * `not-running` where there are none.
 */
export async function socketsOf({ socket, dir, config }: Target): Promise<readonly string[]> {
  if (socket !== undefined) return [socket];
  if (dir !== undefined) return [socketPath(dir)];
  if (config !== undefined) {
    const text = await readText(config);
    const parse = roleOfConfig(text) === "router" ? parseRouterConfig : parseServerConfig;
    return [socketPath(parse(text, config).directories.run)];
  }
  const found = ROLES.map((role) => socketPath(defaultRunDirectory(role))).filter((path) => existsSync(path));
  if (found.length > 0) return found;
  throw new SennitError(
    "network",
    "not-running",
    "neither a router nor a server is running on this machine",
    {
      remedy: "start one with `sennit router run` or `sennit server run`, or say which with --dir or -c",
    },
  );
}

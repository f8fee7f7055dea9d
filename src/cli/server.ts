import { Command, InvalidArgumentError } from "commander";
import { Client } from "../api/client.ts";
import type { Invite, InviteRequest } from "../api/invite.ts";
import { socketPath } from "../api/listen.ts";
import { systemClock } from "../base/clock.ts";
import { parseEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import { createLog } from "../base/log.ts";
import { parseDuration } from "../base/units.ts";
import { loadServerConfig, type ServerConfig } from "../config/server.ts";
import { openKernel } from "../control/kernel.ts";
import { refuseUnknownMptcp } from "../control/mptcpoffer.ts";
import { createSysctl } from "../linux/sysctl.ts";
import { ServerControl } from "../server/control.ts";
import { GuestBook } from "../server/guests.ts";
import { privateDirectory } from "../store/private.ts";
import { StateDir } from "../store/state-dir.ts";
import { writeJson, writeLine } from "./output.ts";
import { cleanCommand, dataArgv, goOn, runUntilSignal } from "./role.ts";
import { upgradeCommand } from "./upgrade.ts";

const DEFAULT_FILE = "/etc/sennit/server.yaml";

interface Options {
  readonly config: string;
}

interface InviteOptions extends Options {
  readonly endpoint: readonly string[];
  readonly label?: string;
  readonly expires?: number;
  readonly json?: true;
}

/** `sennit server`: the end on the internet, where the paths meet. */
export function serverCommand(): Command {
  const server = new Command("server").description("The end on the internet");
  const withConfig = (command: Command): Command =>
    command.option("-c, --config <file>", "the server's config file", DEFAULT_FILE);

  withConfig(server.command("run"))
    .description("Serve routers, until stopped")
    .action((options: Options) => run(options.config));

  withConfig(server.command("invite"))
    .description("Print a join token for one router")
    .requiredOption("--endpoint <host:port...>", "where routers find this server", collectEndpoint, [])
    .option("--label <name>", "what to call the router")
    .option("--expires <duration>", 'how long the token is good for, such as "7 d"', readDuration)
    .option("--json", "write JSON")
    .action(async (options: InviteOptions) => {
      const invite = await makeInvite(await loadServerConfig(options.config), requestOf(options));
      if (options.json) writeJson(invite);
      else writeLine(invite.token);
    });

  server.addCommand(upgradeCommand("server", DEFAULT_FILE, loadServerConfig));
  server.addCommand(cleanCommand("server", DEFAULT_FILE, loadServerConfig));
  return server;
}

async function run(file: string): Promise<void> {
  const config = await loadServerConfig(file);
  refuseUnknownMptcp(config.mptcp, createSysctl());
  const { directories } = config;
  const log = createLog({ name: "server", level: config.log.level });
  const guests = new GuestBook(await StateDir.open(directories.state), Date.now);
  await privateDirectory(directories.run);
  const control = new ServerControl({
    config,
    kernel: openKernel(directories.run, log),
    guests,
    goOn,
    dataArgv: dataArgv("server", config),
    clock: systemClock,
    log,
  });
  await runUntilSignal(control, log);
}

/** Through the running server, which must know at once; else straight into its state, where it will find it. */
async function makeInvite({ directories }: ServerConfig, request: InviteRequest): Promise<Invite> {
  try {
    return await new Client(socketPath(directories.run)).invite(request);
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "not-running") throw error;
    return new GuestBook(await StateDir.open(directories.state), Date.now).invite(request);
  }
}

function requestOf({ endpoint, label, expires }: InviteOptions): InviteRequest {
  return {
    endpoints: [...endpoint],
    ...(label !== undefined && { label }),
    ...(expires !== undefined && { expires: new Date(Date.now() + expires).toISOString() }),
  };
}

function collectEndpoint(text: string, before: readonly string[]): readonly string[] {
  try {
    parseEndpoint(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return [...before, text];
}

function readDuration(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.why);
  return parsed.value;
}

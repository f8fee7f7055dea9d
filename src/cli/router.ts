import { Command } from "commander";
import { join, resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import { formatEndpoint } from "../base/endpoint.ts";
import { createLog } from "../base/log.ts";
import { loadRouterConfig, type RouterConfig } from "../config/router.ts";
import { ConfigFile } from "../control/configfile.ts";
import { openKernel } from "../control/kernel.ts";
import { refuseUnknownMptcp } from "../control/mptcpoffer.ts";
import { createSysctl } from "../linux/sysctl.ts";
import { createMonitor } from "../linux/monitor.ts";
import { resolveAll } from "../linux/resolve.ts";
import { TABLE_NAME } from "../netplan/own.ts";
import { RouterControl } from "../router/control.ts";
import { join as joinServer, membership } from "../router/membership.ts";
import { RouterService } from "../router/service.ts";
import { privateDirectory } from "../store/private.ts";
import { StateDir } from "../store/state-dir.ts";
import { Versions } from "../store/versions.ts";
import { writeJson, writeLine } from "./output.ts";
import { ROUTER_FILE } from "./plan.ts";
import { cleanCommand, dataArgv, goOn, runUntilSignal } from "./role.ts";
import { upgradeCommand } from "./upgrade.ts";

interface Options {
  readonly config: string;
}

/** `sennit router`: the end in the house, with the WANs. */
export function routerCommand(): Command {
  const router = new Command("router").description("The end with several WANs");
  const withConfig = (command: Command): Command =>
    command.option("-c, --config <file>", "the router's config file", ROUTER_FILE);

  withConfig(router.command("run"))
    .description("Carry the LAN's traffic, until stopped")
    .action((options: Options) => run(options.config));

  withConfig(router.command("join"))
    .description("Belong to the server that made the token")
    .argument("<token>", "what `sennit server invite` printed; `-` reads it from standard input")
    .option("--json", "write JSON: the endpoints that will be dialled")
    .action(async (token: string, options: Options & { readonly json?: true }) => {
      const { directories } = await loadRouterConfig(options.config);
      const text = token === "-" ? await readInput() : token;
      const { endpoints } = await joinServer(await StateDir.open(directories.state), text);
      const dialled = endpoints.map(formatEndpoint);
      if (options.json) writeJson({ endpoints: dialled });
      else writeLine(`joined: this router will dial ${dialled.join(", ")}`);
    });

  router.addCommand(upgradeCommand("router", ROUTER_FILE, loadRouterConfig));
  router.addCommand(cleanCommand("router", ROUTER_FILE, loadRouterConfig));
  return router;
}

async function run(file: string): Promise<void> {
  const config = await loadRouterConfig(file);
  const check = ({ mptcp }: RouterConfig): void => refuseUnknownMptcp(mptcp, createSysctl());
  check(config);
  const { directories } = config;
  const log = createLog({ name: "router", level: config.log.level });
  const state = await StateDir.open(directories.state);
  const member = await membership(state);
  await privateDirectory(directories.run);
  const kernel = openKernel(directories.run, log);
  const serverAddresses = await resolveAll(member.endpoints.map(({ host }) => host));
  const open = (current: RouterConfig): RouterControl =>
    new RouterControl({
      config: current,
      membership: member,
      kernel,
      monitor: createMonitor({ table: TABLE_NAME, clock: systemClock, log }),
      serverAddresses,
      goOn,
      dataArgv: dataArgv("router", current),
      clock: systemClock,
      log,
    });
  const versions = new Versions(await StateDir.open(join(directories.state, "config")), Date.now);
  const configFile = new ConfigFile({ path: resolve(file), state, versions, now: Date.now });
  await runUntilSignal(
    new RouterService(config, { file: configFile, check, open, goOn, clock: systemClock, log }),
    log,
  );
}

/** A token in argv is seen by every user of the machine; standard input is not. */
async function readInput(): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of process.stdin) chunks.push(String(chunk));
  return chunks.join("");
}

import { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { formatEndpoint } from "../base/endpoint.ts";
import { createLog } from "../base/log.ts";
import { loadRouterConfig } from "../config/router.ts";
import { openKernel } from "../control/kernel.ts";
import { createMonitor } from "../linux/monitor.ts";
import { resolveAll } from "../linux/resolve.ts";
import { RouterControl } from "../router/control.ts";
import { join, membership } from "../router/membership.ts";
import { privateDirectory } from "../store/private.ts";
import { StateDir } from "../store/state-dir.ts";
import { writeJson, writeLine } from "./output.ts";
import { cleanCommand, dataArgv, goOn, runUntilSignal } from "./role.ts";
import { upgradeCommand } from "./upgrade.ts";

const DEFAULT_FILE = "/etc/sennit/router.yaml";

interface Options {
  readonly config: string;
}

/** `sennit router`: the end in the house, with the WANs. */
export function routerCommand(): Command {
  const router = new Command("router").description("The end with several WANs");
  const withConfig = (command: Command): Command =>
    command.option("-c, --config <file>", "the router's config file", DEFAULT_FILE);

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
      const { endpoints } = await join(await StateDir.open(directories.state), text);
      const dialled = endpoints.map(formatEndpoint);
      if (options.json) writeJson({ endpoints: dialled });
      else writeLine(`joined: this router will dial ${dialled.join(", ")}`);
    });

  router.addCommand(upgradeCommand("router", DEFAULT_FILE, loadRouterConfig));
  router.addCommand(cleanCommand("router", DEFAULT_FILE, loadRouterConfig));
  return router;
}

async function run(file: string): Promise<void> {
  const config = await loadRouterConfig(file);
  const { directories } = config;
  const log = createLog({ name: "router", level: config.log.level });
  const member = await membership(await StateDir.open(directories.state));
  await privateDirectory(directories.run);
  const control = new RouterControl({
    config,
    membership: member,
    kernel: openKernel(directories.run, log),
    monitor: createMonitor({ clock: systemClock, log }),
    serverAddresses: await resolveAll(member.endpoints.map(({ host }) => host)),
    goOn,
    dataArgv: dataArgv("router", config),
    clock: systemClock,
    log,
  });
  await runUntilSignal(control, log);
}

/** A token in argv is seen by every user of the machine; standard input is not. */
async function readInput(): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of process.stdin) chunks.push(String(chunk));
  return chunks.join("");
}

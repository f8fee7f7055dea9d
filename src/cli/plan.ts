import { Command } from "commander";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Client } from "../api/client.ts";
import type { Plan } from "../api/config.ts";
import { socketPath } from "../api/listen.ts";
import { createLog } from "../base/log.ts";
import { SennitError } from "../base/errors.ts";
import { loadRouterConfig, type RouterConfig } from "../config/router.ts";
import { openKernel } from "../control/kernel.ts";
import { observe } from "../control/observer.ts";
import { driverOf } from "../linux/ethtool.ts";
import { resolveAll } from "../linux/resolve.ts";
import { diffLines } from "../netplan/linediff.ts";
import { planRouter } from "../netplan/plan.ts";
import { findDevices } from "../router/devices.ts";
import { routerIntent } from "../router/intent.ts";
import { membership } from "../router/membership.ts";
import { planOf } from "../router/service.ts";
import { wallTime } from "../wan/schedule.ts";
import { StateDir } from "../store/state-dir.ts";
import { WanLeaseFile } from "../store/wanleases.ts";
import { writeJson, writeLine } from "./output.ts";

export const ROUTER_FILE = "/etc/sennit/router.yaml";

/** `sennit plan` */
export function planCommand(): Command {
  return new Command("plan")
    .description("Show what the router's config file would change in the kernel, and change nothing")
    .option("-c, --config <file>", "the router's config file", ROUTER_FILE)
    .option("--json", "write JSON: the commands in their order, and what stands in the way")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      const plan = await planFor(config);
      if (json) writeJson(plan);
      else for (const line of planLines(plan)) writeLine(line);
    });
}

/** From the running router, which knows more than file and kernel; where none runs, from these alone. */
async function planFor(file: string): Promise<Plan> {
  // Every mistake is told before anybody is asked.
  const config = await loadRouterConfig(file);
  const client = new Client(socketPath(config.directories.run));
  try {
    await refuseOtherFile(client, file);
    return await client.plan();
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "not-running") throw error;
    return planAlone(config);
  }
}

/** Throws `other-file` where the running router reads another file than the one named. */
export async function refuseOtherFile(client: Client, file: string): Promise<void> {
  const state = await client.config();
  if (state.file === resolve(file)) return;
  throw new SennitError(
    "config",
    "other-file",
    `the running router reads ${state.file}, not ${resolve(file)}`,
    {
      remedy: `name it with \`--config ${state.file}\``,
    },
  );
}

async function planAlone(config: RouterConfig): Promise<Plan> {
  const { ip, reconciler } = openKernel(config.directories.run, createLog({ name: "plan", level: "error" }));
  const serverAddresses = await knownServer(config);
  const observed = await observe(ip);
  const { devices } = findDevices(config.wans, observed.links, driverOf);
  const leases = new Map(
    new WanLeaseFile(config.directories.run).read(Date.now()).map((lease) => [lease.wan, lease]),
  );
  const intent = routerIntent(config, {
    ports: null,
    serverAddresses,
    devices,
    leases,
    time: wallTime(Date.now()),
  });
  return planOf(await reconciler.preview(planRouter(intent, observed)));
}

/** Nothing, where the router belongs to no server yet. */
async function knownServer(config: RouterConfig): Promise<readonly string[]> {
  // Opening it would make it.
  if (!existsSync(config.directories.state)) return [];
  try {
    const { endpoints } = await membership(await StateDir.open(config.directories.state));
    return await resolveAll(endpoints.map(({ host }) => host));
  } catch {
    return [];
  }
}

/** A script that does what would be done, with what is only to be known as its comments. */
export function planLines({ steps, table, absent, problems }: Plan): readonly string[] {
  const lines = steps.flatMap(({ command, input }) =>
    input === null ? [command] : [...tableDiff(table, input), `${command} <<'EOF'`, input.trimEnd(), "EOF"],
  );
  return [
    ...(steps.length === 0 ? ["# nothing would change"] : lines),
    ...absent.map((key) => `# not here, so left alone: sysctl ${key}`),
    ...problems.map((problem) => `# problem: ${problem.replaceAll("\n", "\n# ")}`),
  ];
}

/** What is new in a table that is there already. */
function tableDiff(table: string | null, script: string): readonly string[] {
  if (table === null) return [];
  const after = script.slice(
    script.indexOf("table inet", script.indexOf("delete table") + "delete table".length),
  );
  const changed = diffLines(table, after).filter(({ sign }) => sign !== " ");
  return [
    "# nft list table inet sennit, the lines that change:",
    ...changed.map(({ sign, line }) => `# ${sign}${line}`),
  ];
}

import { Command, InvalidArgumentError } from "commander";
import { Client } from "../api/client.ts";
import { CONFIRM_WITHIN_MS, type Applied } from "../api/config.ts";
import { socketPath } from "../api/listen.ts";
import { loadRouterConfig } from "../config/router.ts";
import { parseDuration } from "../base/units.ts";
import { formatAge, writeJson, writeLine } from "./output.ts";
import { refuseOtherFile, ROUTER_FILE } from "./plan.ts";

export interface ConfirmOption {
  readonly confirm?: true | number;
}

/** Milliseconds, or null where nobody is waited for. */
export const confirmMs = ({ confirm }: ConfirmOption): number | null =>
  confirm === undefined ? null : confirm === true ? CONFIRM_WITHIN_MS : confirm;

export const CONFIRM_FLAG = "--confirm [time]";
export const CONFIRM_HELP = `go back by itself unless \`sennit confirm\` comes within that time, "60 s" unless said`;

export function parseConfirm(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.why);
  return Math.round(parsed.value);
}

/** `sennit apply` */
export function applyCommand(): Command {
  return new Command("apply")
    .description("Have the running router take its edited config file in; no connection is cut")
    .option("-c, --config <file>", "the router's config file", ROUTER_FILE)
    .option(CONFIRM_FLAG, CONFIRM_HELP, parseConfirm)
    .option("--json", "write JSON: the version that runs, what is waited for, what the kernel refused")
    .action(async (options: ConfirmOption & { readonly config: string; readonly json?: true }) => {
      const client = await clientOf(options.config);
      await refuseOtherFile(client, options.config);
      tellApplied(await client.apply(confirmMs(options)), options);
    });
}

/** `sennit confirm` */
export function confirmCommand(): Command {
  return new Command("confirm")
    .description("Keep the config that was applied with `--confirm`")
    .option("-c, --config <file>", "the router's config file", ROUTER_FILE)
    .option("--json", "write JSON: the version that runs")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      const state = await (await clientOf(config)).confirm();
      if (json) writeJson(state);
      else writeLine(`version ${state.version} stays`);
    });
}

/** Talks to the router whose config file this is. */
export async function clientOf(file: string): Promise<Client> {
  const { directories } = await loadRouterConfig(file);
  return new Client(socketPath(directories.run));
}

export function tellApplied(applied: Applied, { json }: { readonly json?: true }): void {
  if (json) return writeJson(applied);
  const { version, pending, problems } = applied;
  writeLine(`version ${version} runs`);
  if (pending !== null)
    writeLine(
      `version ${pending.before} comes back in ${formatAge(pending.leftMs)}, unless you run: sennit confirm`,
    );
  for (const { message } of problems) writeLine(`problem: ${message}`);
}

import { Argument, InvalidArgumentError, type Command } from "commander";
import {
  clientOf,
  CONFIRM_FLAG,
  CONFIRM_HELP,
  confirmMs,
  parseConfirm,
  tellApplied,
  type ConfirmOption,
} from "./apply.ts";
import { table, writeJson, writeLine } from "./output.ts";
import { ROUTER_FILE } from "./plan.ts";

interface Options {
  readonly config: string;
  readonly json?: true;
}

/** `sennit config history`, `show` and `restore`: the versions that the running router keeps. */
export function addVersionCommands(config: Command): void {
  const command = (name: string, description: string): Command =>
    config
      .command(name)
      .description(description)
      .option("-c, --config <file>", "the router's config file", ROUTER_FILE);
  const number = (): Argument =>
    new Argument("<version>", "its number in `sennit config history`").argParser(parseNumber);

  command("history", "List the versions of the config that the router has had")
    .option("--json", "write JSON, with their texts")
    .action(history);
  command("show", "Print a version of the config")
    .addArgument(number())
    .action(async (version: number, { config: file }: Options) => {
      const { text } = await (await clientOf(file)).version(version);
      process.stdout.write(text);
    });
  command("restore", "Put a version back into the config file, and have the router take it in")
    .addArgument(number())
    .option(CONFIRM_FLAG, CONFIRM_HELP, parseConfirm)
    .option("--json", "write JSON: the version that runs, what is waited for, what the kernel refused")
    .action(async (version: number, options: Options & ConfirmOption) => {
      tellApplied(await (await clientOf(options.config)).restore(version, confirmMs(options)), options);
    });
}

async function history({ config: file, json }: Options): Promise<void> {
  const client = await clientOf(file);
  const [state, versions] = [await client.config(), await client.versions()];
  if (json) return writeJson(versions);
  const rows = versions
    .toReversed()
    .map(({ number, at, why }) => [
      String(number),
      new Date(at).toISOString().replace(/\.\d+Z$/, "Z"),
      why,
      number === state.version
        ? "runs"
        : number === state.pending?.before
          ? "comes back unless confirmed"
          : "",
    ]);
  for (const line of table(["version", "kept at", "why", ""], rows, ["right"])) writeLine(line);
}

function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It is a whole number from 1 on.");
  return Number(text);
}

import { Command } from "commander";
import { Client } from "../api/client.ts";
import { historyLines } from "./history-view.ts";
import { writeJson, writeLine } from "./output.ts";
import { spanOf, spanOptions, type SpanOptions } from "./span.ts";
import { socketsOf, targetOptions, type Target } from "./status.ts";

type Options = Target & SpanOptions & { readonly wan?: string; readonly json?: true };

/** What a terminal has where nobody can say how wide it is. */
const USUAL_COLUMNS = 80;

/** `sennit history` */
export function historyCommand(): Command {
  const history = new Command("history")
    .description("Show how the WANs fared: rates, round trip, loss, and whether they could be used")
    .option("--wan <name>", "this WAN alone")
    .option("--json", "write JSON: times in milliseconds since 1970, rates in bit/s, null for not known")
    .action(async ({ wan, json, ...options }: Options) => {
      const [socket = ""] = await socketsOf(options);
      const report = await new Client(socket).history({ ...spanOf(options, Date.now()), wan });
      if (json) writeJson(report);
      else for (const line of historyLines(report, process.stdout.columns ?? USUAL_COLUMNS)) writeLine(line);
    });
  for (const option of [...spanOptions("1 h"), ...targetOptions()]) history.addOption(option);
  return history;
}

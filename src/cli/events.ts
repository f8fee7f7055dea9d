import { Command, InvalidArgumentError } from "commander";
import { Client } from "../api/client.ts";
import { MAX_EVENTS, type KeptEvent } from "../api/history.ts";
import { localTime } from "./history-view.ts";
import { paint, table, writeJson, writeLine } from "./output.ts";
import { spanOf, spanOptions, type SpanOptions } from "./span.ts";
import { socketsOf, targetOptions, type Target } from "./status.ts";

type Options = Target & SpanOptions & { readonly limit: number; readonly json?: true };

const USUAL_LIMIT = 100;

/** `sennit events` */
export function eventsCommand(): Command {
  const events = new Command("events")
    .description("Show what happened on the router, the latest last")
    .option("--limit <count>", "the latest so many of them", count, USUAL_LIMIT)
    .option("--json", "write JSON: a list, times in milliseconds since 1970")
    .action(async ({ limit, json, ...options }: Options) => {
      const [socket = ""] = await socketsOf(options);
      const report = await new Client(socket).events({ ...spanOf(options, Date.now()), limit });
      if (json) writeJson(report.events);
      else for (const line of eventLines(report.events)) writeLine(line);
    });
  for (const option of [...spanOptions("24 h"), ...targetOptions()]) events.addOption(option);
  return events;
}

export function eventLines(events: readonly KeptEvent[]): readonly string[] {
  if (events.length === 0) return ["nothing happened in that time"];
  return table(
    ["WHEN", "SEVERITY", "CODE", "WHAT"],
    events.map(({ at, severity, code, text }) => [localTime(at), painted(severity), code, text]),
  );
}

function painted(severity: KeptEvent["severity"]): string {
  if (severity === "critical") return paint("red", severity);
  return severity === "warning" ? paint("yellow", severity) : severity;
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MAX_EVENTS) return value;
  throw new InvalidArgumentError(`allowed is a whole number from 1 to ${MAX_EVENTS}`);
}

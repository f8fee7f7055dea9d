import { hostname } from "node:os";
import type { RouterEvent, Severity } from "../events.ts";

/** Somewhere that events are told. */
export interface Sink {
  /** For the log: never with a secret in it, nor an address that may be one. */
  readonly name: string;
  /** What becomes of events in vain: tried again for an hour, or not at all. */
  readonly retries: boolean;
  /** Tells it; rejects where that did not succeed. Code `notify-refused`: nor will it another time. */
  deliver(event: RouterEvent): Promise<void>;
}

/** Which events are told there. */
export interface Filter {
  readonly severity: Severity;
  readonly codes?: readonly string[] | undefined;
}

const WEIGHT: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

/** Whether an event passes: severe enough, and of a code that is wanted (`*` stands for anything). */
export function passes({ severity, codes }: Filter, event: Pick<RouterEvent, "severity" | "code">): boolean {
  if (WEIGHT[event.severity] < WEIGHT[severity]) return false;
  return codes?.some((pattern) => matches(pattern, event.code)) ?? true;
}

/** The event as programs and web services get it: the same fields as in `sennit events --json`, and who tells it. */
export function messageFor(event: RouterEvent): string {
  return JSON.stringify({ ...event, router: hostname() });
}

function matches(pattern: string, code: string): boolean {
  const expression = pattern.split("*").join("[a-z0-9-]*");
  return new RegExp(`^${expression}$`).test(code);
}

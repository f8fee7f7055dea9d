import type { RouterEvent, Severity } from "../control/events.ts";
import { carries, isOut, type WanStateName } from "../wan/supervisor.ts";
import type { WanChange } from "./wansupervisor.ts";

/** In these it works, but not as it should. */
const TROUBLED: ReadonlySet<WanStateName> = new Set(["degraded", "paused", "over-quota"]);

/**
 * What is told of a WAN that has come into another state: `wan-down`, `wan-up` and so on. `left` tells whether any WAN can
 * carry now; `at` is ms since 1970.
 */
export function wanEvent({ wan, before, now }: WanChange, left: boolean, at: number): RouterEvent {
  return {
    at,
    code: `wan-${now.name}`,
    severity: severityOf(now.name, left),
    wan,
    text: `WAN ${wan} is ${now.name}: ${now.reason}`,
    fields: {
      was: before.name,
      is: now.name,
      why: now.reason,
      afterMs: Math.round(now.since - before.since),
    },
  };
}

function severityOf(state: WanStateName, left: boolean): Severity {
  if (!left && !carries(state) && state !== "checking") return "critical";
  return isOut(state) || TROUBLED.has(state) ? "warning" : "info";
}

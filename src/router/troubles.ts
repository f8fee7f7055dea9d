import type { StatusReport } from "../api/status.ts";
import type { DataProcess } from "../control/dataprocess.ts";
import { handOverProblems } from "../control/handover.ts";
import type { DataReport } from "../control/messages.ts";
import { isOut } from "../wan/supervisor.ts";

type Problems = StatusReport["problems"];

export interface TroublesBasis {
  readonly wans: StatusReport["wans"];
  readonly data: DataProcess["status"];
  readonly report: DataReport | undefined;
  readonly onFailure: "open" | "closed";
}

/** What stands between the router and its work right now. */
export function troublesOf({ wans, data, report, onFailure }: TroublesBasis): Problems {
  const direct = onFailure === "open" ? "go out directly" : "are refused";
  const troubles = [...wanTroubles(wans), ...handOverProblems(data)];
  const add = (code: string, message: string): void => void troubles.push({ code, message, remedy: null });
  if (data.refusal !== null) add("orders-refused", data.refusal);
  if (report === undefined) {
    const how = data.state === "starting" ? "is starting" : "is down";
    add("data-down", `the data process ${how}: new connections ${direct}`);
  } else if (report.intercepting === null) {
    add("no-carrier", `new connections ${direct}: ${report.trouble ?? "no carrier is up yet"}`);
  }
  return troubles;
}

function wanTroubles(wans: StatusReport["wans"]): Problems {
  return wans.flatMap(({ name, state, reason }) => {
    const code = isOut(state.name) ? "wan-down" : TOLD.get(state.name);
    return code === undefined ? [] : [{ code, message: `WAN ${name}: ${reason}`, remedy: null }];
  });
}

/** States in which a WAN works, but not as it should. */
const TOLD: ReadonlyMap<string, string> = new Map([
  ["degraded", "wan-degraded"],
  ["paused", "wan-paused"],
  ["over-quota", "wan-over-quota"],
]);

import type { SubflowInfo } from "../linux/sockets.ts";
import type { SubflowSight } from "../wan/sight.ts";
import { unansweredMs } from "../wan/unanswered.ts";

/** A subflow as `wan/` looks at it; undefined for one that is over: the first of a connection stays in the kernel's list. */
export function sightOf(subflow: SubflowInfo): SubflowSight | undefined {
  const { state, local, remote, rttMs } = subflow;
  if (state !== "established" && state !== "syn-sent") return undefined;
  return {
    local,
    remote,
    established: state === "established",
    silentMs: Math.min(subflow.lastAckRecvMs, subflow.lastDataRecvMs),
    unansweredMs: unansweredMs(subflow),
    rttMs,
  };
}

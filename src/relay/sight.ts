import type { ConnectionInfo, SubflowInfo } from "../linux/sockets.ts";
import type { SubflowSight } from "../wan/sight.ts";

/** The subflows of a connection as `wan/` looks at them, without those that are over: the first one stays in the kernel's list. */
export function sightsOf(info: ConnectionInfo | undefined): readonly SubflowSight[] {
  return (info?.subflows ?? []).filter(isThere).map(sightOf);
}

const isThere = ({ state }: SubflowInfo): boolean => state === "established" || state === "syn-sent";

function sightOf(subflow: SubflowInfo): SubflowSight {
  const { state, local, remote, rttMs, timeouts, bytesSent, bytesRetrans } = subflow;
  return {
    local,
    remote,
    established: state === "established",
    silentMs: Math.min(subflow.lastAckRecvMs, subflow.lastDataRecvMs),
    lastAckMs: subflow.lastAckRecvMs,
    lastSentMs: subflow.lastDataSentMs,
    delivered: subflow.deliveredSegments,
    unacked: subflow.unackedSegments,
    timeouts,
    rttMs,
    jitterMs: subflow.rttVarMs,
    sentBytes: bytesSent,
    resentBytes: bytesRetrans,
  };
}

import { formatEndpoint, type SubflowInfo } from "../linux/sockets.ts";
import { unansweredMs } from "../wan/unanswered.ts";
import type { Carrier } from "./carrier.ts";
import type { Session } from "./session.ts";

/** One session as plain values, as of now. Asks the kernel once per carrier: for once a second, not for every request. */
export function reportSession(session: Session, now: number, peer: string, label: string) {
  return {
    id: session.id.toString("hex"),
    peer,
    label,
    ageMs: now - session.startedAt,
    wasUp: session.bytesIn > 0,
    ...reportOutage(session, now),
    flows: session.flows.size,
    parked: session.flows.size - riding(session),
    bulk: session.bulkFlows,
    peerLeaves: session.peerLeaves,
    carriers: [...session.carriers].map((carrier) => reportCarrier(carrier, now)),
  };
}

function reportOutage({ lonelySince, graceMs }: Session, now: number) {
  if (lonelySince === undefined) return { outageMs: null, graceLeftMs: null };
  const outageMs = now - lonelySince;
  return { outageMs, graceLeftMs: Math.max(0, graceMs - outageMs) };
}

const riding = ({ carriers }: Session): number =>
  [...carriers].reduce((sum, { flows }) => sum + flows.size, 0);

const isAlive = ({ state }: SubflowInfo): boolean => state !== "close";

function reportCarrier(carrier: Carrier, now: number) {
  const info = carrier.info();
  return {
    number: carrier.number,
    transport: carrier.transport,
    mptcp: info?.mptcp ?? false,
    way: carrier.way ?? null,
    draining: carrier.draining,
    flows: carrier.flows.size,
    queuedBytes: carrier.queuedBytes,
    ageMs: now - carrier.startedAt,
    bytesIn: carrier.bytesIn,
    bytesOut: carrier.bytesOut,
    // The one that a connection began with stays in the kernel's list when it is over.
    subflows: (info?.subflows ?? []).filter(isAlive).map((subflow) => ({
      local: formatEndpoint(subflow.local),
      localAddress: subflow.local.address,
      remote: formatEndpoint(subflow.remote),
      rttMs: subflow.rttMs ?? null,
      established: subflow.state === "established",
      silentMs: Math.min(subflow.lastAckRecvMs, subflow.lastDataRecvMs),
      unansweredMs: unansweredMs(subflow),
      bytesIn: subflow.bytesReceived,
      bytesOut: subflow.bytesAcked,
    })),
  };
}

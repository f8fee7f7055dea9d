import type { ConnectionInfo, SubflowInfo } from "../../src/linux/sockets.ts";
import type { Carrier } from "../../src/relay/carrier.ts";

/** What of a carrier is looked at by those who watch subflows: its subflows are established and wait for nothing. */
export interface WatchedCarrier {
  readonly carrier: Carrier;
  /** How often it was looked at: each time is a system call of some 30 µs. */
  looks: number;
  bytesOut: number;
}

/** A carrier with a subflow from each of those addresses to `remote`. */
export function watchedCarrier(
  number: number,
  from: readonly string[],
  remote = { address: "192.0.2.2", port: 443 },
): WatchedCarrier {
  const subflows = from.map((address, index) => ({
    ...QUIET,
    local: { address, port: 1000 + index },
    remote,
  }));
  const info: ConnectionInfo = {
    mptcp: true,
    token: number,
    bytesSent: 0,
    bytesAcked: 0,
    bytesReceived: 0,
    bytesRetrans: 0,
    subflows,
  };
  const watched: WatchedCarrier = { carrier: undefined as unknown as Carrier, looks: 0, bytesOut: 0 };
  const carrier = {
    number,
    transport: "mptcp",
    closed: false,
    rate: 0,
    bytesIn: 0,
    queuedBytes: 0,
    local: subflows[0]?.local,
    remote,
    get bytesOut() {
      return watched.bytesOut;
    },
    info: () => {
      watched.looks++;
      return info;
    },
    send: () => undefined,
  };
  return Object.assign(watched, { carrier: carrier as unknown as Carrier });
}

const QUIET: Omit<SubflowInfo, "local" | "remote"> = {
  state: "established",
  lossState: "open",
  timeouts: 0,
  rtoMs: 200,
  mss: 1448,
  pathMtu: 1500,
  unackedSegments: 0,
  lost: 0,
  deliveredSegments: 1,
  cwndSegments: 10,
  lastDataSentMs: 1000,
  lastDataRecvMs: 1000,
  lastAckRecvMs: 1000,
  rttMs: 10,
  rttVarMs: 1,
  minRttMs: 10,
  bytesAcked: 0,
  bytesReceived: 0,
  notSentBytes: 0,
  deliveryRate: 0,
  deliveryRateAppLimited: true,
  bytesSent: 0,
  bytesRetrans: 0,
};

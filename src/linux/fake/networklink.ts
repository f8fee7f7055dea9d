import type { Clock } from "../../base/clock.ts";
import { type ConnectionInfo, plainInfo } from "../mptcpinfo.ts";
import type { Connection, Endpoint } from "../sockets.ts";
import type { TcpInfo } from "../tcpinfo.ts";
import { FakeStream, Wire } from "./networkstream.ts";

/** A connection as seen from outside. */
export interface FakeLink {
  readonly client: Endpoint;
  /** Where the client wanted to go. */
  readonly server: Endpoint;
  readonly mptcp: boolean;
  /** Loses everything in both directions until thawed; nobody is told. */
  freeze(): void;
  thaw(): void;
  /** RST to both ends. */
  cut(): void;
}

/** Two ends and a wire each way. */
export class Link implements FakeLink {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly mptcp: boolean;
  readonly clientEnd: Connection;
  readonly serverEnd: Connection;
  readonly #wires: readonly [Wire, Wire];
  readonly #streams: readonly [FakeStream, FakeStream];
  #frozen = false;
  #silenced = false;

  constructor(
    clock: Clock,
    latencyMs: number,
    ends: { readonly client: Endpoint; readonly server: Endpoint; readonly mptcp: boolean },
  ) {
    this.client = ends.client;
    this.server = ends.server;
    this.mptcp = ends.mptcp;
    const [up, down] = [new Wire(clock, latencyMs), new Wire(clock, latencyMs)];
    this.#wires = [up, down];
    const [client, server] = [new FakeStream(down, up, ends.mptcp), new FakeStream(up, down, ends.mptcp)];
    this.#streams = [client, server];
    const roundTripMs = 2 * latencyMs;
    this.clientEnd = endOf(
      client,
      { ...ends, local: ends.client, remote: ends.server },
      up,
      down,
      roundTripMs,
    );
    this.serverEnd = endOf(
      server,
      { ...ends, local: ends.server, remote: ends.client },
      down,
      up,
      roundTripMs,
    );
  }

  get closed(): boolean {
    return this.#streams.every((stream) => stream.destroyed);
  }

  /** Calls `fn` when both ends are closed. */
  onClosed(fn: () => void): void {
    for (const stream of this.#streams) stream.once("close", () => this.closed && fn());
  }

  freeze(): void {
    this.#frozen = true;
    this.#apply();
  }

  thaw(): void {
    this.#frozen = false;
    this.#apply();
  }

  /** Freezes, too; kept apart so that thawing an address does not thaw a link that was frozen by itself. */
  silence(silenced: boolean): void {
    this.#silenced = silenced;
    this.#apply();
  }

  cut(): void {
    for (const stream of this.#streams) stream.wasReset();
  }

  #apply(): void {
    for (const wire of this.#wires) wire.freeze(this.#frozen || this.#silenced);
  }
}

interface End {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly mptcp: boolean;
}

function endOf(
  stream: FakeStream,
  { local, remote, mptcp }: End,
  out: Wire,
  into: Wire,
  roundTripMs: number,
): Connection {
  return {
    stream,
    local,
    remote,
    reset: () => stream.reset(),
    info(): ConnectionInfo | undefined {
      if (stream.destroyed) return undefined;
      const info = plainInfo(tcpInfoOf(out, into, roundTripMs), local, remote);
      return mptcp ? { ...info, mptcp, token: local.port * 0x1_0000 + remote.port } : info;
    },
  };
}

function tcpInfoOf(out: Wire, into: Wire, roundTripMs: number): TcpInfo {
  return {
    state: "established",
    lossState: "open",
    timeouts: 0,
    rtoMs: 200,
    mss: 1448,
    pathMtu: 1500,
    unackedSegments: Math.ceil((out.sentBytes - out.takenBytes) / 1448),
    lost: 0,
    cwndSegments: 10,
    lastDataSentMs: 0,
    lastDataRecvMs: 0,
    lastAckRecvMs: 0,
    rttMs: roundTripMs,
    rttVarMs: 0,
    minRttMs: roundTripMs,
    bytesAcked: out.takenBytes,
    bytesReceived: into.takenBytes,
    notSentBytes: 0,
    deliveryRate: 0,
    deliveryRateAppLimited: true,
    bytesSent: out.sentBytes,
    bytesRetrans: 0,
  };
}

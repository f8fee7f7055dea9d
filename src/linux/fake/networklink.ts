import type { Clock } from "../../base/clock.ts";
import { type ConnectionInfo, plainInfo, type SubflowInfo } from "../mptcpinfo.ts";
import type { Tuple } from "../sockdiag.ts";
import type { Connection, Endpoint } from "../sockets.ts";
import type { TcpInfo } from "../tcpinfo.ts";
import { FakeStream, Wire } from "./networkstream.ts";

/** A subflow that joined. It is only told of: all bytes go, and count, where the connection began. */
interface Joined {
  readonly id: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
}

/** A connection as seen from outside. */
export interface FakeLink {
  readonly client: Endpoint;
  /** Where the client wanted to go. */
  readonly server: Endpoint;
  /** The device that the client bound it to. */
  readonly device: string | undefined;
  readonly mptcp: boolean;
  /** Of the client's subflows, those whose use waits until no other is left. */
  readonly backups: readonly Endpoint[];
  /** Loses everything in both directions until thawed; nobody is told. */
  freeze(): void;
  thaw(): void;
  /** RST to both ends. */
  cut(): void;
}

export interface LinkEnds {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly device: string | undefined;
  readonly mptcp: boolean;
  readonly ownPaths: boolean;
}

/** Two ends and a wire each way. */
export class Link implements FakeLink {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly device: string | undefined;
  readonly mptcp: boolean;
  readonly clientEnd: Connection;
  readonly serverEnd: Connection;
  readonly #wires: readonly [Wire, Wire];
  readonly #streams: readonly [FakeStream, FakeStream];
  /** Whether the client makes the further subflows itself, and those it made. */
  readonly #ownPaths: boolean;
  #began = true;
  #joined: readonly Joined[] = [];
  #backups: readonly Endpoint[] = [];
  #frozen = false;
  #silenced = false;

  constructor(clock: Clock, latencyMs: number, ends: LinkEnds) {
    this.client = ends.client;
    this.server = ends.server;
    this.device = ends.device;
    this.mptcp = ends.mptcp;
    this.#ownPaths = ends.ownPaths;
    const [up, down] = [new Wire(clock, latencyMs), new Wire(clock, latencyMs)];
    this.#wires = [up, down];
    const [client, server] = [new FakeStream(down, up, ends.mptcp), new FakeStream(up, down, ends.mptcp)];
    this.#streams = [client, server];
    const roundTripMs = 2 * latencyMs;
    const subflows = (near: "client" | "server"): readonly Tuple[] => {
      const far = near === "client" ? "server" : "client";
      return this.#subflows.map((one) => ({ local: one[near], remote: one[far] }));
    };
    this.clientEnd = endOf(client, { near: ends.client, far: ends.server }, ends.mptcp, () =>
      subflows("client").map((one) => ({ ...tcpInfoOf(clock, up, down, roundTripMs), ...one })),
    );
    this.serverEnd = endOf(server, { near: ends.server, far: ends.client }, ends.mptcp, () =>
      subflows("server").map((one) => ({ ...tcpInfoOf(clock, down, up, roundTripMs), ...one })),
    );
  }

  /** The kernel's name for the connection at the client. */
  get token(): number {
    return tokenOf(this.client, this.server);
  }

  get backups(): readonly Endpoint[] {
    return this.#backups;
  }

  /** The errno with which the client's kernel refuses one more subflow; undefined when it is made. */
  join(id: number, client: Endpoint, server: Endpoint, backup: boolean): string | undefined {
    if (!this.mptcp || !this.#ownPaths) return "EINVAL";
    if (this.#wires.some(({ takenBytes }) => takenBytes === 0)) return "ENOTCONN";
    const clash = this.#joined.some((one) => (one.client.address === client.address) !== (one.id === id));
    if (clash || isV4(client) !== isV4(server)) return "EINVAL";
    if (server.port !== this.server.port) return "EINVAL";
    this.#joined = [...this.#joined, { id, client, server }];
    if (backup) this.#backups = [...this.#backups, client];
    return undefined;
  }

  /** Ends one subflow, or all from the same address. */
  leave({ local }: Tuple, all: boolean): string | undefined {
    if (!this.mptcp || !this.#ownPaths) return "EINVAL";
    if (!this.#subflows.some(({ client }) => same(client, local))) return "ESRCH";
    const stays = ({ client }: { readonly client: Endpoint }): boolean =>
      all ? client.address !== local.address : !same(client, local);
    this.#began &&= stays(this);
    this.#joined = this.#joined.filter(stays);
    return undefined;
  }

  setBackup({ local }: Tuple, backup: boolean): string | undefined {
    if (!this.mptcp || !this.#ownPaths || !this.#subflows.some(({ client }) => same(client, local)))
      return "EINVAL";
    this.#backups = this.#backups.filter((one) => !same(one, local));
    if (backup) this.#backups = [...this.#backups, local];
    return undefined;
  }

  get #subflows(): readonly { readonly client: Endpoint; readonly server: Endpoint }[] {
    return [...(this.#began ? [this] : []), ...this.#joined];
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

const same = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;
const isV4 = ({ address }: Endpoint): boolean => !address.includes(":");
const tokenOf = (near: Endpoint, far: Endpoint): number => near.port * 0x1_0000 + far.port;

function endOf(
  stream: FakeStream,
  { near, far }: { readonly near: Endpoint; readonly far: Endpoint },
  mptcp: boolean,
  subflows: () => readonly SubflowInfo[],
): Connection {
  const end: Connection = {
    stream,
    local: near,
    remote: far,
    release: () => (stream.destroyed ? undefined : keepReleased(end)),
    lend: (take) => stream.lend(take),
    send: (bytes) => stream.send(bytes),
    // A wire holds little in any case.
    holdAtMost: () => undefined,
    reset: () => stream.reset(),
    info(): ConnectionInfo | undefined {
      if (stream.destroyed) return undefined;
      const [first, ...others] = subflows();
      const info = first === undefined ? NO_SUBFLOW : plainInfo(first, first.local, first.remote);
      return mptcp
        ? { ...info, mptcp, token: tokenOf(near, far), subflows: [...info.subflows, ...others] }
        : info;
    },
  };
  return end;
}

/** Connections on their way from one owner to the next, by descriptor: those are the process's, as with the kernel. */
const released = new Map<number, Connection>();
let lastDescriptor = 0;

function keepReleased(connection: Connection): number {
  released.set(++lastDescriptor, connection);
  return lastDescriptor;
}

/** What was released as `descriptor`, once; undefined when it was reset meanwhile. */
export function takeReleased(descriptor: number): Connection | undefined {
  const connection = released.get(descriptor);
  released.delete(descriptor);
  return connection?.stream.destroyed === false ? connection : undefined;
}

const NO_SUBFLOW: ConnectionInfo = {
  mptcp: true,
  token: undefined,
  bytesSent: 0,
  bytesAcked: 0,
  bytesReceived: 0,
  bytesRetrans: 0,
  subflows: [],
};

function tcpInfoOf(clock: Clock, out: Wire, into: Wire, roundTripMs: number): TcpInfo {
  const now = clock.now();
  return {
    state: "established",
    lossState: "open",
    timeouts: 0,
    rtoMs: 200,
    mss: 1448,
    pathMtu: 1500,
    deliveredSegments: Math.floor(out.takenBytes / 1448),
    unackedSegments: Math.ceil((out.sentBytes - out.takenBytes) / 1448),
    lost: 0,
    cwndSegments: 10,
    lastDataSentMs: 0,
    lastDataRecvMs: now - into.takenAt,
    lastAckRecvMs: now - out.takenAt,
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

import { type Clock, systemClock } from "../../base/clock.ts";
import { SennitError } from "../../base/errors.ts";
import { familyOf, normalAddress, normalEndpoint } from "../ffi/sockaddr.ts";
import { socketError } from "../socketoptions.ts";
import {
  type Connection,
  type DialOptions,
  type Endpoint,
  formatEndpoint,
  type Listener,
  type ListenOptions,
  type Sockets,
} from "../sockets.ts";
import type { PathManager } from "../pathmanager.ts";
import { type FakeLink, Link, type LinkEnds, takeReleased } from "./networklink.ts";

export type { FakeLink } from "./networklink.ts";

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1"]);
const WILDCARD: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
/* The kernel's net.ipv4.ip_local_port_range and ip_unprivileged_port_start. */
const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;
const FIRST_UNPRIVILEGED = 1024;

export interface FakeHostOptions {
  readonly addresses: readonly string[];
  /** Devices one may bind to, each with the addresses (some of `addresses`) that are then the source. */
  readonly devices?: Readonly<Record<string, readonly string[]>>;
  /** CAP_NET_ADMIN and CAP_NET_BIND_SERVICE; true unless told. */
  readonly privileged?: boolean;
  /** Host whose transparent listener gets what this one dials; while it has none, connections go out directly. */
  readonly gateway?: string;
}

/** What happens to packets from or to an address: `silent` loses them without a word. */
export type Reachability = "reachable" | "unreachable" | "silent";

interface Host extends FakeHostOptions {
  readonly own: ReadonlySet<string>;
  readonly listening: Set<Listening>;
}

interface Listening {
  readonly local: Endpoint;
  readonly options: ListenOptions;
  readonly accept: (connection: Connection) => void;
}

/**
 * A network in memory that implements `Sockets` and refuses what the kernel refuses (one suite runs on both:
 * test/linux/sockets.contract.ts). Every host reaches every other. With a ManualClock and a latency, nothing arrives
 * until time is moved.
 */
export class FakeNetwork {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #hosts = new Map<string, Host>();
  readonly #links = new Set<Link>();
  readonly #reachability = new Map<string, Reachability>();
  /** Local ends of what is dialled or connected. */
  readonly #bound = new Set<string>();
  /** Local ends of all that was ever dialled, oldest first: what a NAT on the way would have seen. */
  readonly tried: Endpoint[] = [];
  #lastPort = FIRST_EPHEMERAL - 1;
  /** True where a middlebox strips the option: new MPTCP connections fall back to plain TCP. */
  stripMptcp = false;

  /** `latencyMs` is one way. */
  constructor(clock: Clock = systemClock, options: { readonly latencyMs?: number } = {}) {
    this.#clock = clock;
    this.#latencyMs = options.latencyMs ?? 0;
  }

  host(name: string, options: FakeHostOptions): Sockets {
    const own = new Set([...options.addresses.map(normalAddress), ...LOOPBACK]);
    const host: Host = { ...options, own, listening: new Set() };
    this.#hosts.set(name, host);
    return {
      dial: (dialOptions) => this.#dial(host, dialOptions),
      listen: async (listenOptions, onConnection) => this.#listen(host, listenOptions, onConnection),
      adopt: (descriptor) => takeReleased(descriptor),
    };
  }

  /** Of the hosts' MPTCP connections that asked for it. Further subflows are told of; bytes stay where they were. */
  get pathManager(): PathManager {
    const ask = (token: number, act: (link: Link) => string | undefined): void => {
      const link = [...this.#links].find((one) => one.token === token);
      const errno = link === undefined ? "EINVAL" : act(link);
      if (errno !== undefined)
        throw new SennitError("kernel", errno, `subflow of connection ${token}: ${errno}`);
    };
    return {
      join: (token, { id, localAddress, remote, backup }) =>
        ask(token, (link) => {
          const local = { address: normalAddress(localAddress), port: this.#nextPort() };
          const owner = [...this.#hosts.values()].find(({ own }) => own.has(link.client.address));
          if (owner?.own.has(local.address) === false) return "EADDRNOTAVAIL";
          return link.join(id, local, normalEndpoint(remote), backup);
        }),
      leave: (token, subflow) => ask(token, (link) => link.leave(subflow, true)),
      end: (token, subflow) => ask(token, (link) => link.leave(subflow, false)),
      setBackup: (token, subflow, backup) => ask(token, (link) => link.setBackup(subflow, backup)),
    };
  }

  /** The connections that are open now, oldest first. */
  get links(): readonly FakeLink[] {
    return [...this.#links];
  }

  /** Changes what happens to dials from and to `address`, and, for `silent`, to its connections. */
  setReachability(address: string, reachability: Reachability): void {
    this.#reachability.set(normalAddress(address), reachability);
    for (const link of this.#links) {
      link.silence(this.#between(link.client.address, link.server.address) === "silent");
    }
  }

  async #dial(host: Host, options: DialOptions): Promise<Connection> {
    const { signal, timeoutMs, transport } = options;
    const remote = normalEndpoint(options.remote);
    const what = `connect to ${formatEndpoint(remote)}`;
    const aborted = (): SennitError =>
      new SennitError("network", "aborted", `${what}: no longer wanted`, { cause: signal?.reason });
    if (signal?.aborted === true) throw aborted();
    const client = this.#clientFor(host, options, remote.address);
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        signal?.removeEventListener("abort", onAbort);
        for (const stop of timers) stop();
        then();
      };
      const fail = (error: SennitError): void =>
        settle(() => {
          this.#bound.delete(formatEndpoint(client));
          reject(error);
        });
      const onAbort = (): void => fail(aborted());
      const answer = (): void => {
        const reachability = this.#between(client.address, remote.address);
        if (reachability === "silent") return;
        const listening = this.#listenerFor(host, remote);
        if (reachability === "unreachable" || listening === "nobody") {
          fail(socketError("EHOSTUNREACH", what));
        } else if (listening === undefined) fail(socketError("ECONNREFUSED", what));
        else {
          const mptcp = !this.stripMptcp && transport === "mptcp" && listening.options.transport === "mptcp";
          const ownPaths = options.paths === "ours";
          settle(() =>
            resolve(
              this.#connect(listening, { client, server: remote, device: options.device, mptcp, ownPaths }),
            ),
          );
        }
      };
      const timers = [
        this.#clock.after(timeoutMs, () => fail(socketError("ETIMEDOUT", what))),
        this.#soon(answer),
      ];
      signal?.addEventListener("abort", onAbort);
    });
  }

  #connect(listening: Listening, ends: LinkEnds): Connection {
    const link = new Link(this.#clock, this.#latencyMs, ends);
    this.#links.add(link);
    link.onClosed(() => {
      this.#links.delete(link);
      this.#bound.delete(formatEndpoint(link.client));
    });
    listening.accept(link.serverEnd);
    return link.clientEnd;
  }

  #listen(host: Host, options: ListenOptions, accept: (connection: Connection) => void): Listener {
    const { address, port: wanted } = normalEndpoint(options.local);
    const port = wanted === 0 ? this.#nextPort() : wanted;
    const what = `listen on ${formatEndpoint(options.local)}`;
    if (host.privileged === false) {
      if (options.transparent === true) throw socketError("EPERM", what);
      if (port < FIRST_UNPRIVILEGED) throw socketError("EACCES", what);
    }
    const foreign = !host.own.has(address) && !WILDCARD.has(address);
    if (foreign && options.transparent !== true) throw socketError("EADDRNOTAVAIL", what);
    for (const { local, options: theirs } of host.listening) {
      const shared = options.shared === true && theirs.shared === true;
      if (local.port === port && overlap(local.address, address) && !shared)
        throw socketError("EADDRINUSE", what);
    }
    const listening: Listening = { local: { address, port }, options, accept };
    host.listening.add(listening);
    return { local: listening.local, close: async () => void host.listening.delete(listening) };
  }

  #clientFor(host: Host, options: DialOptions, remote: string): Endpoint {
    const local = {
      address: this.#sourceFor(host, options, remote),
      port: options.localPort ?? this.#nextPort(),
    };
    const key = formatEndpoint(local);
    if (this.#bound.has(key)) throw socketError("EADDRINUSE", `bind ${key}`);
    this.#bound.add(key);
    this.tried.push(local);
    return local;
  }

  /** The source address, or the errno with which the kernel refuses the options. */
  #sourceFor(host: Host, options: DialOptions, remote: string): string {
    const { device, localAddress, mark } = options;
    const what = `connect to ${formatEndpoint(options.remote)}`;
    const own = device === undefined ? host.addresses : host.devices?.[device];
    if (own === undefined) throw socketError("ENODEV", `${what} by ${device}`);
    if (mark !== undefined && host.privileged === false) throw socketError("EPERM", `${what} with a mark`);
    if (localAddress !== undefined) {
      const local = normalAddress(localAddress);
      if (familyOf(local) !== familyOf(remote)) throw socketError("EAFNOSUPPORT", `${what} from ${local}`);
      if (!host.own.has(local)) throw socketError("EADDRNOTAVAIL", `${what} from ${local}`);
      return local;
    }
    if (host.own.has(remote)) return remote;
    const source = own.map(normalAddress).find((address) => familyOf(address) === familyOf(remote));
    if (source === undefined) throw socketError("ENETUNREACH", what);
    return source;
  }

  /** Who answers at `remote`; undefined where the port is closed. */
  #listenerFor(from: Host, remote: Endpoint): Listening | "nobody" | undefined {
    const local = from.own.has(remote.address);
    const gateway = from.gateway === undefined || local ? undefined : this.#hosts.get(from.gateway);
    if (gateway !== undefined && !gateway.own.has(remote.address)) {
      for (const listening of gateway.listening) if (listening.options.transparent === true) return listening;
    }
    const owner = local ? from : [...this.#hosts.values()].find((host) => ownsPublicly(host, remote.address));
    if (owner === undefined) return "nobody";
    return [...owner.listening].find(
      (one) =>
        one.local.port === remote.port &&
        (one.local.address === remote.address || covers(one.local.address, remote.address)),
    );
  }

  #between(...addresses: readonly string[]): Reachability {
    const all = addresses.map((address) => this.#reachability.get(address));
    return all.find((one) => one === "silent") ?? all.find((one) => one === "unreachable") ?? "reachable";
  }

  #nextPort(): number {
    this.#lastPort = this.#lastPort < LAST_EPHEMERAL ? this.#lastPort + 1 : FIRST_EPHEMERAL;
    return this.#lastPort;
  }

  /** One round trip from now, and never in this turn. */
  #soon(fn: () => void): () => void {
    if (this.#latencyMs > 0) return this.#clock.after(2 * this.#latencyMs, fn);
    const turn = setImmediate(fn);
    return () => clearImmediate(turn);
  }
}

const ownsPublicly = (host: Host, address: string): boolean =>
  host.own.has(address) && !LOOPBACK.has(address);

/** A wildcard takes every address of its family; `::` those of both. */
const covers = (wildcard: string, address: string): boolean =>
  wildcard === "::" || (wildcard === "0.0.0.0" && familyOf(address) === 4);

const overlap = (a: string, b: string): boolean => a === b || covers(a, b) || covers(b, a);

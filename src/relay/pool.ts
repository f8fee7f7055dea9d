import type { KeyObject } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Endpoint, Sockets } from "../linux/sockets.ts";
import type { Way } from "../wan/subflows.ts";
import type { Invite } from "../wire/hello.ts";
import type { Carrier } from "./carrier.ts";
import { dialHandshake } from "./handshake.ts";
import type { Session } from "./session.ts";

/** A way out that the first subflow of a carrier may take. */
type FirstWay = Pick<Way, "name" | "localAddress" | "device">;

/** What to dial, and how many times. May change while the pool runs. */
export interface PoolTarget {
  /** Host names or addresses with ports; tried in turn. */
  readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  readonly ways: readonly FirstWay[];
  readonly size: number;
}

export interface PoolOptions {
  readonly session: Session;
  readonly sockets: Sockets;
  readonly privateKey: KeyObject;
  readonly invite: Invite | undefined;
  readonly pin: Buffer;
  /** Addresses of a name, all families. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds for connect, TLS and HELLO together; then the next way is tried. */
const DIAL_MS = 5000;
/** Dials under way at a time: two, so that a way that swallows SYNs does not hold up the one that works. */
const PARALLEL_DIALS = 2;
/** Pause after a failure: doubled each time, so that a dead server is not hammered. */
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** A carrier that lived this long (ms) works. */
const YOUNG_MS = 5000;
/** A carrier is replaced at this age (ms), so that no NAT on the way, no key and no leak grows old. */
const RENEW_AFTER_MS = 3_600_000;
/** And after this many bytes: well below what one AES-GCM key may seal (RFC 8446 section 5.5). */
const RENEW_AFTER_BYTES = 64 * 2 ** 30;
const HOUSEKEEPING_MS = 1000;
/** Silence after which the kernel asks the peer, on every subflow: keeps the entries of impatient NATs (kernel-mptcp values: at most 45 s while unknown). */
const KEEPALIVE_MS = 25_000;
/** Unsent bytes the kernel takes from us: small, so that what is urgent need not wait behind them. */
const NOTSENT_LOWAT_BYTES = 128 * 1024;

/** Keeps a number of carriers established and warm, so that a new flow costs no handshake. */
export class CarrierPool {
  readonly #options: PoolOptions;
  readonly #stop = new AbortController();
  #target: PoolTarget = { endpoints: [], ways: [], size: 0 };
  #dialling = 0;
  #attempts = 0;
  #carriers = 0;
  #backoffMs = 0;
  /** Carriers that have not proved themselves yet. */
  readonly #young = new Set<Carrier>();
  /** An old carrier whose successor is being dialled. */
  #retiring: Carrier | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelHousekeeping: (() => void) | undefined;
  /** The addresses of the server's names, as they were last looked up. */
  readonly #addresses = new Map<string, readonly string[]>();
  /** The last failure, until a carrier is up. */
  lastError: Error | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancelHousekeeping = this.#options.clock.every(HOUSEKEEPING_MS, () => this.#renew());
    this.fill();
  }

  stop(): void {
    this.#stop.abort(new SennitError("network", "stopping", "the router is stopping"));
    this.#cancelRetry?.();
    this.#cancelHousekeeping?.();
  }

  /** New ways out, another server, another size: tried at once, whatever was waited for. */
  update(target: PoolTarget): void {
    this.#target = target;
    this.#backoffMs = 0;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.fill();
  }

  /** Dials what is missing. To be called when a carrier is lost. */
  fill(): void {
    const { endpoints, ways, size } = this.#target;
    this.#judgeYoung();
    if (this.#stop.signal.aborted || this.#cancelRetry !== undefined) return;
    if (endpoints.length === 0 || ways.length === 0) return;
    const counts = (carrier: Carrier): boolean => !carrier.draining && carrier !== this.#retiring;
    const live = [...this.#options.session.carriers].filter(counts).length;
    while (this.#dialling < PARALLEL_DIALS && live + this.#dialling < size) void this.#dial();
  }

  /** Where the server can be reached from that address, as far as it is known without asking anybody. */
  remoteFor(localAddress: string): Endpoint | undefined {
    for (const { host, port } of this.#target.endpoints) {
      const address = this.#addresses.get(host)?.find(sameFamily(localAddress));
      if (address !== undefined) return { address, port };
    }
    return undefined;
  }

  async #dial(): Promise<void> {
    this.#dialling++;
    const attempt = this.#attempts++;
    const way = this.#target.ways[attempt % this.#target.ways.length];
    try {
      if (way !== undefined) await this.#connect(way, attempt);
      this.lastError = undefined;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.lastError = error as Error;
      const code = error instanceof SennitError ? error.code : "failed";
      this.#options.log.warn({ way: way?.name, code, why: messageOf(error) }, "carrier not established");
      this.#retryLater();
    } finally {
      this.#dialling--;
    }
    this.fill();
  }

  async #connect(way: FirstWay, attempt: number): Promise<void> {
    const { sockets, session, clock, log } = this.#options;
    const number = ++this.#carriers;
    const limit = new AbortController();
    const cancel = clock.after(DIAL_MS, () => {
      limit.abort(new SennitError("network", "ETIMEDOUT", `no answer within ${DIAL_MS / 1000} s`));
    });
    const signal = AbortSignal.any([limit.signal, this.#stop.signal]);
    try {
      const remote = await unlessAborted(this.#endpoint(way, attempt), signal);
      const { device } = way;
      const transport = device === undefined ? "mptcp" : "tcp";
      const connection = await sockets.dial({
        transport,
        ...(device === undefined ? { paths: "ours" } : { device }),
        remote,
        localAddress: way.localAddress,
        timeoutMs: DIAL_MS,
        signal,
        keepAliveIdleMs: KEEPALIVE_MS,
        notSentLowat: NOTSENT_LOWAT_BYTES,
      });
      await dialHandshake(connection, {
        transport,
        ...this.#options,
        session: session.id,
        number,
        signal,
        adopt: (carrier, { instance }) => {
          carrier.way = way.name;
          this.#young.add(carrier);
          session.addCarrier(carrier, instance);
        },
      });
      log.info({ carrier: number, way: way.name, remote: remote.address }, "carrier is up");
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error;
    } finally {
      cancel();
    }
  }

  /** The next of the server's addresses that the way's own address can talk to. */
  async #endpoint(way: FirstWay, attempt: number): Promise<Endpoint> {
    const { endpoints, ways } = this.#target;
    const round = Math.floor(attempt / ways.length);
    const endpoint = endpoints[round % endpoints.length];
    if (endpoint === undefined) throw new SennitError("config", "no-endpoint", "no server to dial");
    const addresses = await this.#options.resolve(endpoint.host);
    this.#addresses.set(endpoint.host, addresses);
    const usable = addresses.filter(sameFamily(way.localAddress));
    const address = usable[round % usable.length];
    if (address === undefined) {
      throw new SennitError(
        "network",
        "no-address",
        `${endpoint.host} has no address that ${way.name} can reach`,
      );
    }
    return { address, port: endpoint.port };
  }

  /** A carrier that is lost as soon as it is up is as good as a failed dial; one that lasts ends all pauses. */
  #judgeYoung(): void {
    const grownBefore = this.#options.clock.now() - YOUNG_MS;
    for (const carrier of this.#young) {
      const grown = carrier.startedAt <= grownBefore;
      if (!grown && !carrier.closed) continue;
      this.#young.delete(carrier);
      if (grown) this.#backoffMs = 0;
      else this.#mourn();
    }
  }

  #mourn(): void {
    if (this.#stop.signal.aborted) return;
    this.lastError = new SennitError("network", "carrier-lost", "carriers are lost as soon as they are up");
    this.#retryLater();
  }

  #retryLater(): void {
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_FIRST_MS, this.#backoffMs * 2));
    this.#cancelRetry ??= this.#options.clock.after(this.#backoffMs, () => {
      this.#cancelRetry = undefined;
      this.fill();
    });
  }

  /**
   * One after the other: the new one is dialled before the old one drains, so that there is always one for new flows.
   * Those that drain may take days (an SSH connection) and keep nobody from being renewed, but not all may wait.
   */
  #renew(): void {
    this.#judgeYoung();
    const carriers = [...this.#options.session.carriers];
    const live = carriers.filter((carrier) => !carrier.draining);
    const retiring = live.find((carrier) => carrier === this.#retiring);
    if (retiring === undefined) {
      const waiting = carriers.length - live.length;
      const now = this.#options.clock.now();
      const may = live.length >= this.#target.size && waiting < this.#target.size;
      this.#retiring = may ? live.find((carrier) => this.#isOld(carrier, now)) : undefined;
      this.fill();
    } else if (live.length > this.#target.size) this.#options.session.drain(retiring);
  }

  #isOld(carrier: Carrier, now: number): boolean {
    return now - carrier.startedAt > RENEW_AFTER_MS || carrier.bytesIn + carrier.bytesOut > RENEW_AFTER_BYTES;
  }
}

const sameFamily =
  (a: string) =>
  (b: string): boolean =>
    a.includes(":") === b.includes(":");

/** The value, or the signal's reason where that comes first: a name server may take longer than we do. */
function unlessAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}

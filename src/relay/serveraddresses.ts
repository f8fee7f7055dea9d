import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { sameFamily } from "../base/family.ts";
import type { Endpoint } from "../linux/sockets.ts";

/** A place where the server is: a host name or an address. */
export interface ServerEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface ServerAddressesOptions {
  /** Addresses of a name, all families. May take as long as it likes. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  readonly clock: Clock;
  /** A name has addresses that it did not have. */
  readonly onNews: () => void;
}

/** An answer is asked for anew when it is used after so long (ms): shorter than most records' TTL, longer than a burst of dials. */
const FRESH_MS = 30_000;
/** After a failure (ms): while the WANs are down so is the name server. */
const RETRY_MS = 1000;

interface Known {
  addresses: readonly string[];
  failure: Error | undefined;
  askAgainAt: number;
  asking: boolean;
}

/**
 * Where the server can be reached. Who asks never waits: the last good answer stands until there is a better one, for a
 * name server may well be out of reach when the server is not.
 */
export class ServerAddresses {
  readonly #options: ServerAddressesOptions;
  readonly #known = new Map<string, Known>();
  #endpoints: readonly ServerEndpoint[] = [];

  constructor(options: ServerAddressesOptions) {
    this.#options = options;
  }

  /** Names that are no longer used are forgotten, new ones looked up. */
  update(endpoints: readonly ServerEndpoint[]): void {
    this.#endpoints = endpoints;
    const hosts = new Set(endpoints.map(({ host }) => host));
    for (const host of this.#known.keys()) if (!hosts.has(host)) this.#known.delete(host);
    for (const host of hosts) this.#refresh(host);
  }

  /** All that is known to be of the family of `localAddress`, the first to be tried first. Looks for news in passing. */
  reachableFrom(localAddress: string): readonly Endpoint[] {
    return this.#endpoints.flatMap(({ host, port }) => {
      const { addresses } = this.#refresh(host);
      return addresses
        .filter((address) => sameFamily(address, localAddress))
        .map((address) => ({ address, port }));
    });
  }

  /** Why nothing is known, where nothing is. */
  get failure(): Error | undefined {
    const all = [...this.#known.values()];
    return all.some(({ addresses }) => addresses.length > 0)
      ? undefined
      : all.find(({ failure }) => failure !== undefined)?.failure;
  }

  #refresh(host: string): Known {
    const known = this.#known.get(host) ?? {
      addresses: [],
      failure: undefined,
      askAgainAt: 0,
      asking: false,
    };
    this.#known.set(host, known);
    if (!known.asking && this.#options.clock.now() >= known.askAgainAt) void this.#ask(host, known);
    return known;
  }

  async #ask(host: string, known: Known): Promise<void> {
    const { clock, onNews, resolve } = this.#options;
    known.asking = true;
    try {
      const addresses = await resolve(host);
      if (addresses.length === 0) throw new SennitError("network", "no-address", `${host} has no address`);
      const isNews = addresses.some((address) => !known.addresses.includes(address));
      known.addresses = addresses;
      known.failure = undefined;
      known.askAgainAt = clock.now() + FRESH_MS;
      known.asking = false;
      if (isNews) onNews();
    } catch (error) {
      known.failure = error as Error;
      known.askAgainAt = clock.now() + RETRY_MS;
      known.asking = false;
    }
  }
}

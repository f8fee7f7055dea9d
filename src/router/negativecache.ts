import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Nft } from "../linux/nft.ts";
import { NEGATIVE_SETS } from "../netplan/ruleset.ts";

/** Targets are gathered this long (ms), so that a port scan from the LAN costs a few runs of nft a second, not thousands. */
const GATHER_MS = 50;
/** More than this at a time are dropped: their clients see a RST after connect instead of a refusal, that is all. */
const MAX_GATHERED = 256;

/**
 * Tells the kernel which targets said no. A client of TPROXY is connected before the target was asked, so the first one
 * can only be reset; the next ones, for some seconds, get the true answer from these sets.
 */
export class NegativeCache {
  readonly #nft: Nft;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #gathered = new Map<string, Set<string>>();
  #count = 0;
  #cancel: (() => void) | undefined;

  constructor(nft: Nft, clock: Clock, log: Log) {
    this.#nft = nft;
    this.#clock = clock;
    this.#log = log;
  }

  /** Notes that a target refused connections, or that nobody reaches it. */
  add(target: { readonly address: string; readonly port: number }, unreachable: boolean): void {
    if (this.#count >= MAX_GATHERED) return;
    this.#count++;
    const family = target.address.includes(":") ? "inet6" : "inet";
    const set = NEGATIVE_SETS[unreachable ? "unreachable" : "refused"][family];
    const value = `${target.address} . ${target.port}`;
    this.#gathered.set(set, (this.#gathered.get(set) ?? new Set()).add(value));
    this.#cancel ??= this.#clock.after(GATHER_MS, () => void this.#flush());
  }

  stop(): void {
    this.#cancel?.();
    this.#gathered.clear();
  }

  async #flush(): Promise<void> {
    const sets = [...this.#gathered];
    this.#gathered.clear();
    this.#count = 0;
    this.#cancel = undefined;
    for (const [set, values] of sets) {
      try {
        await this.#nft.addElements(
          set,
          [...values].map((value) => ({ value })),
        );
      } catch (error) {
        // A full set, or a table that is just being replaced: the cache is a courtesy.
        this.#log.debug({ set, why: messageOf(error) }, "refusals not cached");
      }
    }
  }
}

import type { Clock } from "../base/clock.ts";
import type { Carrier } from "./carrier.ts";
import { Demand, type PoolSize } from "./demand.ts";
import type { Roster } from "./roster.ts";
import type { Session } from "./session.ts";
import type { WayBook, WayGroup } from "./waybook.ts";

export interface UpkeepOptions {
  readonly session: Session;
  readonly roster: Roster;
  readonly book: WayBook;
  readonly clock: Clock;
}

/** How often `tick` is to be called (ms). */
export const UPKEEP_TICK_MS = 1000;
/**
 * NAT entries that we may cost a WAN, those of closed connections included, for each carrier that may live: it, or its
 * subflow there, may be made anew so often in the time for which a NAT remembers. With the usual 8 carriers, that is 48: the
 * smallest boxes hold 64.
 */
const NAT_ENTRIES_PER_CARRIER = 6;
/** A way that carriers lack is tried for its own sake this often (ms). */
const SCOUT_EVERY_MS = 30_000;
/** A carrier is replaced at this age (ms), so that no NAT on the way, no key and no leak grows old. */
const RENEW_AFTER_MS = 3_600_000;
/** And after this many bytes: well below what one AES-GCM key may seal (RFC 8446 section 5.5). */
const RENEW_AFTER_BYTES = 64 * 2 ** 30;

/** How many carriers there are to be, and which of them are to go. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #demand = new Demand();
  readonly #scoutedAt = new Map<string, number>();
  #size: PoolSize = { warm: 0, most: 0 };
  #total = 0;
  /** An old carrier whose successor is being dialled. */
  #retiring: Carrier | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  resize(size: PoolSize): void {
    this.#size = size;
    this.#weigh();
  }

  /** Carriers that a group is to have: its share of them all, and one more while one is being replaced. */
  wanted(group: WayGroup): number {
    const { book, roster } = this.#options;
    const { carrying } = book;
    if (!carrying.includes(group)) return 0;
    const retiring = roster.readyIn(group.alone).some((carrier) => carrier === this.#retiring);
    return Math.ceil(this.#total / carrying.length) + (retiring ? 1 : 0);
  }

  /** Whether the NATs on the group's ways have room for one more carrier than the `coming` ones. */
  mayCost({ ways }: WayGroup, coming: number): boolean {
    const { clock, roster } = this.#options;
    const most = Math.max(this.#size.warm, this.#size.most);
    const limit = NAT_ENTRIES_PER_CARRIER * most;
    return ways.every(({ name }) => roster.natEntries(name, clock.now()) + coming < limit);
  }

  /** Weighs what is carried, and lets go what is too much or too old, one at a time. */
  tick(): void {
    this.#weigh();
    for (const group of this.#options.book.groups) this.#thin(group);
    this.#drainMisfits();
    this.#renew();
  }

  /** Of those ways, which to begin a carrier on now to see what is wrong with them. */
  scouts(lacking: readonly string[]): readonly string[] {
    const { book, clock, roster } = this.#options;
    const now = clock.now();
    for (const name of this.#scoutedAt.keys()) if (!lacking.includes(name)) this.#scoutedAt.delete(name);
    const together = book.groups.find(({ alone }) => alone === undefined);
    return lacking.filter((name) => {
      const isDue = now - (this.#scoutedAt.get(name) ?? -Infinity) >= SCOUT_EVERY_MS;
      const mine = together?.ways.some((way) => way.name === name) === true && this.mayCost(together, 0);
      if (!isDue || !mine || roster.readyIn(undefined).some(({ way }) => way === name)) return false;
      this.#scoutedAt.set(name, now);
      return true;
    });
  }

  #weigh(): void {
    const { clock, session } = this.#options;
    this.#total = this.#demand.look(clock.now(), this.#size, session.bulkFlows);
  }

  /** One too many: the one that carries least, and of those the oldest. */
  #thin(group: WayGroup): void {
    const { roster, session } = this.#options;
    const ready = roster.readyIn(group.alone);
    if (ready.length <= this.wanted(group)) return;
    const [idlest] = [...ready].sort((a, b) => a.flows.size - b.flows.size || a.startedAt - b.startedAt);
    if (idlest !== undefined) session.drain(idlest);
  }

  /** Plain carriers from before Multipath TCP passed there. */
  #drainMisfits(): void {
    const { book, roster, session } = this.#options;
    for (const carrier of roster.ready) {
      const belongs = book.groups.some(({ alone }) => alone === (carrier.plain ? carrier.way : undefined));
      if (!belongs) session.drain(carrier);
    }
  }

  /**
   * One after the other: the new one is dialled before the old one drains, so that there is always one for new flows.
   * Those that drain may take a while and keep nobody from being renewed, but not all may wait.
   */
  #renew(): void {
    const { book, clock, roster, session } = this.#options;
    const retiring = this.#retiring;
    if (retiring !== undefined && !roster.ready.includes(retiring)) this.#retiring = undefined;
    else if (retiring !== undefined) {
      const group = book.groups.find(({ alone }) => roster.readyIn(alone).includes(retiring));
      const isReplaced = group === undefined || roster.readyIn(group.alone).length >= this.wanted(group);
      if (!isReplaced) return;
      this.#retiring = undefined;
      session.drain(retiring);
    } else {
      const isFull = book.carrying.every((group) => roster.readyIn(group.alone).length >= this.wanted(group));
      const draining = [...session.carriers].filter((carrier) => carrier.draining).length;
      if (!isFull || draining >= this.#total) return;
      this.#retiring = roster.ready.find((carrier) => isOld(carrier, clock.now()));
    }
  }
}

const isOld = ({ startedAt, bytesIn, bytesOut }: Carrier, now: number): boolean =>
  now - startedAt > RENEW_AFTER_MS || bytesIn + bytesOut > RENEW_AFTER_BYTES;

import type { Carrier } from "./carrier.ts";
import type { Flow } from "./flow.ts";
import { pickCarrier } from "./pick.ts";
import type { Receipts } from "./receipts.ts";

/** Seconds without a byte after which a flow gives its carrier up: longer than people think between two clicks. */
const PARK_TICKS = 5;

/** Carriers that bulk leaves to the quiet: one to speak on, and one should that be lost. */
export const QUIET_SHARE = 2;

/**
 * Where the flows of one end speak. A flow that has much to say gets a carrier to itself as far as there are enough, the
 * quiet share the others, and one that has nothing to say is parked: it needs no carrier, and whatever happens to
 * carriers is nothing to it.
 */
export class Lanes {
  readonly #carriers: ReadonlySet<Carrier>;
  readonly #receipts: Receipts;
  /** Flows that have something to say, and nowhere to. */
  readonly #waiting = new Set<Flow>();
  #bulk = 0;

  constructor(carriers: ReadonlySet<Carrier>, receipts: Receipts) {
    this.#carriers = carriers;
    this.#receipts = receipts;
  }

  /** Flows that have much to say at present. */
  get bulkFlows(): number {
    return this.#bulk;
  }

  /** A carrier for a flow that has something to say; undefined where there is none: it rides as soon as there is. */
  find(flow: Flow): Carrier | undefined {
    const carrier = flow.isOpen ? this.anyOpen : pickCarrier(this.#carriers);
    if (carrier === undefined) this.#waiting.add(flow);
    else {
      this.#waiting.delete(flow);
      carrier.flows.add(flow);
    }
    return carrier;
  }

  /** The flow came on `carrier`: there it speaks first. */
  board(flow: Flow, carrier: Carrier): void {
    carrier.flows.add(flow);
    flow.ride(carrier);
  }

  /** Where a flow speaks at present. */
  carrierOf(flow: Flow): Carrier | undefined {
    for (const carrier of this.#carriers) if (carrier.flows.has(flow)) return carrier;
    return undefined;
  }

  /** There is a carrier again. */
  resume(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const flow of waiting) flow.ride(this.find(flow));
  }

  /** What its flows said there is said again elsewhere; returns how many had to move. */
  lost(carrier: Carrier): number {
    const flows = [...carrier.flows];
    for (const flow of flows) {
      carrier.leave(flow);
      flow.sayAgain(carrier);
    }
    return flows.length;
  }

  /** The flow is over; returns where it spoke last, as long as that is there. */
  forget(flow: Flow): Carrier | undefined {
    this.#waiting.delete(flow);
    for (const carrier of this.#carriers) if (carrier.leave(flow)) return carrier;
    return undefined;
  }

  /** Where something can be said that belongs to no flow, or to one that is over. */
  get anyOpen(): Carrier | undefined {
    return pickCarrier(this.#carriers) ?? this.#draining;
  }

  /** Sees to it that everybody speaks where it is best; to be called when their pace may have changed. */
  arrange(flows: Iterable<Flow>): void {
    this.#bulk = 0;
    for (const { pace } of flows) if (pace.isBulk) this.#bulk++;
    for (const carrier of this.#carriers) {
      for (const flow of carrier.flows) {
        if (flow.idle && flow.pace.idleTicks >= PARK_TICKS) this.#move(flow, carrier, undefined);
      }
    }
    this.#spread();
  }

  /** Bulk on its carriers, evenly, and all others on theirs. */
  #spread(): void {
    const usable = [...this.#carriers].filter((carrier) => !carrier.draining && !carrier.closed);
    const { quiet, bulk } = shareOut(usable, this.#bulk);
    for (const carrier of quiet) carrier.kept = bulk.length > 0 ? "quiet" : "any";
    for (const carrier of bulk) carrier.kept = "bulk";
    const counts = new Map(bulk.map((carrier) => [carrier, bulkOn(carrier)]));
    for (const carrier of this.#carriers) {
      for (const flow of carrier.flows) {
        if (!flow.isOpen) continue;
        const isBulk = flow.pace.isBulk && bulk.length > 0;
        if ((isBulk ? bulk : quiet).includes(carrier)) continue;
        const to = isBulk ? emptiest(counts) : pickCarrier(quiet);
        if (to === undefined) continue;
        if (isBulk) counts.set(to, (counts.get(to) ?? 0) + 1);
        this.#move(flow, carrier, to);
      }
    }
    this.#even(counts);
  }

  /** Nobody shares a carrier while another has none. */
  #even(counts: Map<Carrier, number>): void {
    const to = emptiest(counts);
    for (const [carrier, count] of counts) {
      if (to === undefined || count - (counts.get(to) ?? 0) < 2) continue;
      const flow = [...carrier.flows].find((one) => one.isOpen && one.pace.isBulk);
      if (flow === undefined) continue;
      this.#move(flow, carrier, to);
      return this.#even(counts.set(carrier, count - 1).set(to, (counts.get(to) ?? 0) + 1));
    }
  }

  #move(flow: Flow, from: Carrier, to: Carrier | undefined): void {
    from.leave(flow);
    to?.flows.add(flow);
    flow.ride(to);
    this.#receipts.expect(from, flow, () => flow.sayAgain(from));
  }

  get #draining(): Carrier | undefined {
    for (const carrier of this.#carriers) if (!carrier.closed) return carrier;
    return undefined;
  }
}

/**
 * Which carriers are left to the quiet while there is bulk: the oldest, so that both ends mean the same without a word.
 * Where there is no bulk, all are.
 */
function shareOut(
  usable: readonly Carrier[],
  bulkFlows: number,
): { readonly quiet: readonly Carrier[]; readonly bulk: readonly Carrier[] } {
  if (bulkFlows === 0 || usable.length < 2) return { quiet: usable, bulk: [] };
  const byAge = usable.toSorted((a, b) => a.number - b.number);
  const share = Math.min(QUIET_SHARE, Math.floor(usable.length / 2));
  return { quiet: byAge.slice(0, share), bulk: byAge.slice(share) };
}

function bulkOn(carrier: Carrier): number {
  let count = 0;
  for (const { pace } of carrier.flows) if (pace.isBulk) count++;
  return count;
}

function emptiest(counts: ReadonlyMap<Carrier, number>): Carrier | undefined {
  let [least, best]: [number, Carrier | undefined] = [Infinity, undefined];
  for (const [carrier, count] of counts) if (count < least) [least, best] = [count, carrier];
  return best;
}

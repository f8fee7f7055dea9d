import type { Carrier } from "./carrier.ts";
import type { Flow } from "./flow.ts";
import { pickCarrier } from "./pick.ts";
import type { Receipts } from "./receipts.ts";

/** Seconds without a byte after which a flow gives its carrier up: longer than people think between two clicks. */
const PARK_TICKS = 5;

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

  #spread(): void {
    const usable = [...this.#carriers].filter((carrier) => !carrier.draining && !carrier.closed);
    if (usable.length === 0) return;
    const free = usable.filter((carrier) => !hasBulk(carrier)).sort((a, b) => a.flows.size - b.flows.size);
    for (const carrier of this.#carriers) {
      const leaving = carrier.draining ? [...carrier.flows] : tooMany(carrier, free.length > 0);
      for (const flow of leaving) {
        if (!flow.isOpen) continue;
        // One carrier is left to the quiet, and to whoever comes next.
        const own = flow.pace.isBulk && free.length > 1 ? free.shift() : undefined;
        const to = own ?? free[0] ?? (carrier.draining ? pickCarrier(usable) : undefined);
        if (to !== undefined && (own !== undefined || !flow.pace.isBulk || carrier.draining)) {
          this.#move(flow, carrier, to);
        }
      }
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

const hasBulk = (carrier: Carrier): boolean => {
  for (const { pace } of carrier.flows) if (pace.isBulk) return true;
  return false;
};

/** Flows that would be better off elsewhere: all beside one that has much to say. */
function tooMany(carrier: Carrier, isRoom: boolean): readonly Flow[] {
  if (!isRoom || carrier.flows.size < 2) return [];
  const flows = [...carrier.flows];
  const first = flows.find(({ pace }) => pace.isBulk);
  return first === undefined ? [] : flows.filter((flow) => flow !== first);
}

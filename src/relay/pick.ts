import type { Carrier } from "./carrier.ts";

/** Below this a carrier counts as quiet (bytes per second): quiet flows share, bulk is left alone. */
const QUIET_BYTES_PER_S = 64 * 1024;

/**
 * The carrier for a new flow: one that is not kept for bulk, the least busy one, then the one with the fewest flows (a burst
 * of new flows spreads before any has moved a byte), then the one heard last, since its NAT entries are fresh. Undefined when none takes flows.
 */
export function pickCarrier(carriers: Iterable<Carrier>): Carrier | undefined {
  let best: Carrier | undefined;
  for (const carrier of carriers) {
    if (carrier.draining || carrier.closed) continue;
    if (best === undefined || better(carrier, best)) best = carrier;
  }
  return best;
}

function better(a: Carrier, b: Carrier): boolean {
  if ((a.kept === "bulk") !== (b.kept === "bulk")) return b.kept === "bulk";
  const [busyA, busyB] = [busyness(a), busyness(b)];
  if (busyA !== busyB) return busyA < busyB;
  return a.flows.size === b.flows.size ? a.heardAt > b.heardAt : a.flows.size < b.flows.size;
}

/** Zero for a quiet carrier, else the rate with what waits on top. */
function busyness(carrier: Carrier): number {
  const load = carrier.rate + carrier.queuedBytes;
  return load < QUIET_BYTES_PER_S ? 0 : load;
}

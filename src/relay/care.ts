import { SennitError } from "../base/errors.ts";
import type { Carrier } from "./carrier.ts";

/** A silent carrier is asked for a sign of life: well below the 30 s that the meanest NATs keep an idle entry for. */
const PING_AFTER_MS = 15_000;
/** Silence that ends a carrier (ms): the kernel has had time for several retransmissions over any WAN by then. */
const DEAD_AFTER_MS = 45_000;

/** Looks in a row: one may fall between a segment and the next, three mean that the kernel does not get on. */
const STRANDED_TICKS = 3;

/** What a carrier needs: to be asked for a sign of life, to be closed in good order, or to be given up for that reason. */
export type Care = "ping" | "close" | SennitError | undefined;

/** Looks at a carrier, once a second. `isOwed`: something that was said on it is not known to be heard. */
export function careFor(carrier: Carrier, now: number, isOwed: boolean): Care {
  const silent = now - carrier.heardAt;
  if (silent > DEAD_AFTER_MS)
    return new SennitError("network", "carrier-silent", `nothing heard for ${Math.round(silent)} ms`);
  if (carrier.hasFallenBack)
    return new SennitError("network", "fell-back", "something on the way took Multipath TCP out of it");
  if (carrier.strandedTicks >= STRANDED_TICKS)
    return new SennitError("network", "stranded", "what the peer's kernel has dropped is hardly sent again");
  if (isOwed || silent > PING_AFTER_MS) return "ping";
  // Not before the peer's GOAWAY: until then an OPEN may be on its way.
  if (carrier.draining && carrier.peerDraining && carrier.flows.size === 0) return "close";
  return undefined;
}

/** The round trip of the longest path of any, without queues (ms); 0 while unknown. */
export function longestPathMs(carriers: Iterable<Carrier>): number {
  let longest = 0;
  for (const { pathMs } of carriers) longest = Math.max(longest, pathMs);
  return longest;
}

/** When anything was last heard on any of them (ms of their clock). */
export function lastHeardAt(carriers: Iterable<Carrier>): number {
  let last = 0;
  for (const { heardAt } of carriers) last = Math.max(last, heardAt);
  return last;
}

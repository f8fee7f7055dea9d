import { networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";

/** How long the list of our own addresses is good (ms). Every flow asks for it, and making it takes 60 µs. */
const ADDRESSES_MS = 1000;

/** This machine's addresses, at most a second old. */
export function ownAddresses(clock: Clock): () => ReadonlySet<string> {
  let known: ReadonlySet<string> = new Set();
  let until = -Infinity;
  return () => {
    if (clock.now() < until) return known;
    until = clock.now() + ADDRESSES_MS;
    try {
      const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      known = new Set(all.map(({ address }) => address));
    } catch {
      // Without a descriptor left nobody can ask; what was true a second ago will do.
    }
    return known;
  };
}

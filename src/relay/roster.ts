import { NatEntries } from "../wan/natentries.ts";
import type { Carrier } from "./carrier.ts";

/** A carrier that lived this long (ms) works. */
const YOUNG_MS = 5000;

/** Probes leave a way from one port for as long as it is there. */
const PROBE_ENTRIES = 1;

/** The carriers that were dialled, and what they cost the NATs on their ways. Times are ms of one clock. */
export class Roster {
  readonly #entries: NatEntries;
  /** With the names of the ways whose NATs have an entry for it. */
  readonly #members = new Map<Carrier, ReadonlySet<string>>();

  /** `entries`: what others, who connect over the same ways, have cost their NATs as well. */
  constructor(entries = new NatEntries()) {
    this.#entries = entries;
  }

  add(carrier: Carrier, ways: ReadonlySet<string>): void {
    this.#members.set(carrier, ways);
  }

  /** A connection over that way came to nothing. */
  spend(way: string, now: number): void {
    this.#entries.spend(way, now);
  }

  /** Strikes a carrier off; the NATs do not yet. */
  strike(carrier: Carrier, now: number): void {
    for (const way of this.#members.get(carrier) ?? []) this.#entries.spend(way, now);
    this.#members.delete(carrier);
  }

  /** Strikes off all that are closed; true where one of them was lost as soon as it was up. */
  strikeClosed(now: number): boolean {
    const closed = [...this.#members.keys()].filter((carrier) => carrier.closed);
    for (const carrier of closed) this.strike(carrier, now);
    return closed.some((carrier) => now - carrier.startedAt < YOUNG_MS);
  }

  /** Whether one has lived long enough to say that it works. */
  isProven(now: number): boolean {
    return this.ready.some(({ startedAt }) => now - startedAt >= YOUNG_MS);
  }

  /** Those that take flows over the way that stands `alone`, or with Multipath TCP. */
  readyIn(alone: string | undefined): readonly Carrier[] {
    return this.ready.filter(({ plain, way }) => (alone === undefined ? !plain : plain && way === alone));
  }

  /** Those that take flows. */
  get ready(): readonly Carrier[] {
    return [...this.#members.keys()].filter((carrier) => !carrier.closed && !carrier.draining);
  }

  /** What NATs of that way keep for us, closed connections and the probes' one port included. */
  natEntries(way: string, now: number): number {
    let live = 0;
    for (const ways of this.#members.values()) if (ways.has(way)) live++;
    return live + this.#entries.kept(way, now) + PROBE_ENTRIES;
  }

  /** Ways come and go with the config. */
  retain(ways: readonly string[]): void {
    this.#entries.retain(ways);
  }
}

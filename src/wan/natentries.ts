/**
 * How long a NAT keeps the entry of a connection that is over (ms): nf_conntrack_tcp_timeout_time_wait, and _syn_sent of
 * one that was never answered. Other NATs are quicker (RFC 5382 section 5 wants four minutes of them, which few have).
 */
const REMEMBERED_MS = 120_000;
/** Entries that are noted of one way: above any limit that is asked about. */
const MAX_NOTED = 1024;

/** What connections that are over still cost in the NATs of each way. Times are ms of one clock. */
export class NatEntries {
  readonly #spent = new Map<string, number[]>();

  /** A connection over that way is over, or was never answered. */
  spend(way: string, now: number): void {
    const times = this.#fresh(way, now);
    if (times.length < MAX_NOTED) times.push(now);
    this.#spent.set(way, times);
  }

  /** Entries that NATs of that way still keep for what is over. */
  kept(way: string, now: number): number {
    return this.#fresh(way, now).length;
  }

  /** Ways come and go with the config. */
  retain(ways: readonly string[]): void {
    for (const way of this.#spent.keys()) if (!ways.includes(way)) this.#spent.delete(way);
  }

  #fresh(way: string, now: number): number[] {
    return (this.#spent.get(way) ?? []).filter((at) => now - at < REMEMBERED_MS);
  }
}

import { QUIET_SHARE } from "./lanes.ts";

/** What a pool is told to keep. */
export interface PoolSize {
  /** Kept warm, so that a new flow costs no handshake. */
  readonly warm: number;
  /** Never more, however much is to be carried. */
  readonly most: number;
}

/** The last bulk may be followed by more: what was dialled for it is kept so long (ms), for a re-dial costs a NAT entry. */
const KEEP_MS = 60_000;
/** Then one less each so often (ms): what is closed is counted by NATs for two minutes more. */
const SHRINK_EVERY_MS = 10_000;

/** How many carriers are wanted: at once more when flows become bulk, slowly fewer when they have ended. */
export class Demand {
  #wanted = 0;
  #mayShrinkAt = 0;

  /** As of now (ms), with so many bulk flows: each is best off with a carrier of its own. */
  look(now: number, { warm, most }: PoolSize, bulkFlows: number): number {
    const limit = Math.max(warm, most);
    const needed = Math.min(limit, Math.max(warm, bulkFlows === 0 ? 0 : bulkFlows + QUIET_SHARE));
    // More than there may be, since the config was changed, is no matter of need.
    this.#wanted = Math.min(this.#wanted, limit);
    if (needed >= this.#wanted) {
      this.#wanted = needed;
      this.#mayShrinkAt = now + KEEP_MS;
    } else if (now >= this.#mayShrinkAt) {
      this.#wanted--;
      this.#mayShrinkAt = now + SHRINK_EVERY_MS;
    }
    return this.#wanted;
  }
}

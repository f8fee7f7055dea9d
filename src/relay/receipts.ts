import { SennitError } from "../base/errors.ts";
import type { Carrier } from "./carrier.ts";

/** What may wait for a receipt on a carrier: more than all flows there may be. A peer that confirms nothing for longer is none. */
const MAX_OWED = 32_768;

interface Waiting {
  /** To be heard up to here. */
  readonly position: number;
  readonly again: () => void;
}

/**
 * What was said on carriers and may not have been heard: done again where a carrier is lost before its peer has
 * confirmed it. A PING's answer confirms all that was said before it.
 */
export class Receipts {
  readonly #waiting = new Map<Carrier, Map<unknown, Waiting>>();

  /** `again` is called if `carrier` is lost before all that was said on it until now was heard; in place of an earlier one for `key`. */
  expect(carrier: Carrier, key: unknown, again: () => void): void {
    let waiting = this.#waiting.get(carrier);
    if (waiting === undefined) this.#waiting.set(carrier, (waiting = new Map<unknown, Waiting>()));
    // The latest stands last: what is confirmed stands in front.
    waiting.delete(key);
    waiting.set(key, { position: carrier.position, again });
    if (waiting.size > MAX_OWED)
      carrier.close(new SennitError("peer", "unconfirmed", "the peer confirms nothing of what it is told"));
  }

  /** Whether something said on it is not known to be heard. */
  isOwed(carrier: Carrier): boolean {
    return this.#waiting.has(carrier);
  }

  /** The peer has heard more of what was said there. */
  heard(carrier: Carrier): void {
    const waiting = this.#waiting.get(carrier);
    if (waiting === undefined) return;
    for (const [key, { position }] of waiting) {
      if (position > carrier.heardUpTo) return;
      waiting.delete(key);
    }
    this.#waiting.delete(carrier);
  }

  lost(carrier: Carrier): void {
    const waiting = this.#waiting.get(carrier);
    this.#waiting.delete(carrier);
    for (const { again } of waiting?.values() ?? []) again();
  }
}

import { dropOldest } from "../base/oldest.ts";
import type { Frame } from "../wire/frames.ts";
import type { Carrier } from "./carrier.ts";
import type { Receipts } from "./receipts.ts";

/** Frames that wait for a carrier, at most: the oldest go first, and cost the peer a timeout at worst. */
const MAX_WAITING = 65_536;

/** Says frames until they are heard, whatever becomes of the carriers they go out on. */
export class Insistence {
  readonly #receipts: Receipts;
  readonly #pick: () => Carrier | undefined;
  /** Insertion order is age. */
  readonly #waiting = new Set<Frame>();

  /** `pick`: where to speak now, if anywhere. */
  constructor(receipts: Receipts, pick: () => Carrier | undefined) {
    this.#receipts = receipts;
    this.#pick = pick;
  }

  /** Whether nothing waits to be said. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Says it on `carrier` if that is given, else wherever it can be said, as soon as it can. */
  say(frame: Frame, carrier: Carrier | undefined = this.#pick()): void {
    if (carrier === undefined) {
      this.#wait(frame);
      return;
    }
    carrier.send(frame);
    this.said(frame, carrier);
  }

  /** It was said on `carrier` already. */
  said(frame: Frame, carrier: Carrier): void {
    if (carrier.closed) this.say(frame);
    else this.#receipts.expect(carrier, frame, () => this.say(frame));
  }

  /** There is a carrier again. */
  resume(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const frame of waiting) this.say(frame);
  }

  /** Nobody is to hear any of it any more. */
  clear(): void {
    this.#waiting.clear();
  }

  #wait(frame: Frame): void {
    this.#waiting.add(frame);
    dropOldest(this.#waiting, MAX_WAITING);
  }
}

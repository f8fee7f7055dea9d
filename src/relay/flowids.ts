import { dropOldest } from "../base/oldest.ts";

/** Ids of ended flows that are remembered at least: at 300 ends a second, longer than anything is under way. */
const REMEMBERED = 16_384;
const MAX_FLOW_ID = 0xffff_ffff;

/**
 * The ids of a session's flows: ours count up from 1 (the dialling side) or 2, the peer's are those between. Those of flows
 * that have ended are remembered for a while: what still comes for them is late, not wrong.
 */
export class FlowIds {
  readonly #first: number;
  #next: number;
  /** Insertion order is age. */
  readonly #ended = new Set<number>();

  constructor(dialled: boolean) {
    this.#first = this.#next = dialled ? 1 : 2;
  }

  /** Whether flows with this id are ours to open. */
  isOurs(id: number): boolean {
    return id % 2 === this.#first % 2;
  }

  /** An id for a new flow of ours. */
  take(isOpen: (id: number) => boolean): number {
    for (;;) {
      const id = this.#next;
      this.#next = id + 2 > MAX_FLOW_ID ? this.#first : id + 2;
      if (isOpen(id)) continue;
      this.#ended.delete(id);
      return id;
    }
  }

  ended(id: number): void {
    this.#ended.add(id);
    dropOldest(this.#ended, REMEMBERED);
  }

  hasEnded(id: number): boolean {
    return this.#ended.has(id);
  }
}

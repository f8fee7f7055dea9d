/** Ids of ended flows that are remembered at least: at 300 ends a second, longer than anything is under way. */
const REMEMBERED = 16_384;

/** The ids of flows that have ended: what still comes for them is known as late, not as wrong. */
export class Farewells {
  /** Insertion order is age. */
  readonly #ids = new Set<number>();

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= REMEMBERED) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  /** The id is used again. */
  delete(id: number): void {
    this.#ids.delete(id);
  }
}

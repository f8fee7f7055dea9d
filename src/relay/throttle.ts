import type { Flow } from "./flow.ts";

export class Throttle {
  limit = Infinity;
  #underway = 0;
  readonly #waiting = new Set<Flow>();

  get underway(): number {
    return this.#underway;
  }

  admits(flow: Flow): boolean {
    if (!flow.pace.isBulk || this.#underway < this.limit) {
      this.#waiting.delete(flow);
      return true;
    }
    this.#waiting.add(flow);
    return false;
  }

  moved(bytes: number): void {
    this.#underway += bytes;
    if (bytes < 0) this.release();
  }

  forget(flow: Flow): void {
    this.#waiting.delete(flow);
  }

  release(): void {
    for (const flow of this.#waiting) {
      if (this.#underway >= this.limit) return;
      this.#waiting.delete(flow);
      flow.goOn();
    }
  }
}

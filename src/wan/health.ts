/** What is to be thought of a path over one transport. */
export type Health = "unknown" | "up" | "suspect" | "dead";

/** Heard within this time (ms), a path is not what is dead; less than any verdict takes. */
const SPARED_MS = 80;

/**
 * The health of one path over one transport, from three kinds of evidence. Each is a point in time, so they may come in
 * any order and as often as they like, and what was heard last overrules everything before it.
 *
 *   unknown --heard--> up --suspected--> suspect --lost--> dead
 *                      ^----------------heard---------------'
 */
export class PathHealth {
  #heardAt = -Infinity;
  #suspectedAt = -Infinity;
  #lostUntil = -Infinity;

  /** When anything was heard over it last (ms). */
  get heardAt(): number {
    return this.#heardAt;
  }

  get state(): Health {
    if (this.#lostUntil >= this.#heardAt) return this.#lostUntil === -Infinity ? "unknown" : "dead";
    return this.#suspectedAt > this.#heardAt ? "suspect" : "up";
  }

  /** An answer came, or bytes, at that time. */
  heard(at: number): void {
    this.#heardAt = Math.max(this.#heardAt, at);
  }

  /** Answers are missing for longer than usual at that time. */
  suspected(at: number): void {
    this.#suspectedAt = Math.max(this.#suspectedAt, at);
  }

  /**
   * Now something over it is found dead. Whatever was not heard for `patienceMs` is gone with it: a path dies for all at a
   * time, and a NAT that forgot one has forgotten all it had by then.
   */
  lost(now: number, patienceMs: number): void {
    this.#lostUntil = Math.max(this.#lostUntil, now - patienceMs);
  }

  /** Whether it goes on for others now: what was heard last at `heardAt` has a trouble of its own, if any. */
  spares(now: number, heardAt: number): boolean {
    return this.#heardAt > heardAt && now - this.#heardAt < SPARED_MS;
  }

  /** Whether something over it that was heard last at `heardAt` is gone, too. */
  gone(heardAt: number): boolean {
    return heardAt <= this.#lostUntil;
  }
}

/** While the line is in doubt, its gateways are asked so often (ms): three packets each, and three seconds until that is known. */
const ASK_MS = 10_000;

/**
 * Whether a line's gateways are there, from what the kernel's table of neighbours says of them from time to time. Asks only
 * where there is doubt: else the kernel asks by itself whenever it sends something there. Pure: times are inputs (ms).
 */
export class GatewayWatch {
  #answers: boolean | undefined;
  #askedAt = -Infinity;
  #doubted = false;

  /** Undefined where nobody asked, or where there is none to ask. */
  get answers(): boolean | undefined {
    return this.#answers;
  }

  /** Takes what is known of each now. Whether they are to be asked. */
  look(
    now: number,
    doubted: boolean,
    states: readonly ("answers" | "silent" | "asking" | "unknown")[],
  ): boolean {
    const begins = doubted && !this.#doubted;
    this.#doubted = doubted;
    if (states.includes("answers")) this.#answers = true;
    else if (states.length > 0 && states.every((state) => state === "silent")) this.#answers = false;
    // What was found before holds while they are asked anew.
    else if (!doubted) this.#answers = undefined;
    if (!doubted || states.length === 0 || (!begins && now - this.#askedAt < ASK_MS)) return false;
    this.#askedAt = now;
    return true;
  }
}

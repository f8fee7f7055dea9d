/** So many numbers below the highest may still come (RFC 6479 asks for 32 at least). */
const WINDOW = 32;

/** Lets each number through once, also where they come out of order, and none that is far behind the highest. */
export class ReplayWindow {
  #highest = 0;
  /** Bit n: `#highest - n` was seen. */
  #seen = 0;

  /** Whether `number`, an integer from 1 on, is new; it is not any more afterwards. */
  take(number: number): boolean {
    const ahead = number - this.#highest;
    if (ahead > 0) {
      this.#seen = (ahead < WINDOW ? this.#seen << ahead : 0) | 1;
      this.#highest = number;
      return true;
    }
    if (number < 1 || -ahead >= WINDOW) return false;
    const bit = 1 << -ahead;
    if ((this.#seen & bit) !== 0) return false;
    this.#seen |= bit;
    return true;
  }
}

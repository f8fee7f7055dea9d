/** What users saw. */
export interface Tally {
  bytes: number;
  /** Transfers and requests that came to their end. */
  done: number;
  wrong: string[];
  /** Connections that broke after something had come back. */
  cut: string[];
  /** Connections that never came to anything: the program said at once that there is no way. */
  refused: number;
}

export const newTally = (): Tally => ({ bytes: 0, done: 0, wrong: [], cut: [], refused: 0 });

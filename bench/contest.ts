import { messageOf } from "../src/base/errors.ts";
import type { Context } from "./bench.ts";

/** What was measured of each, one value a round, and who failed on the way. */
export interface Contest<T> {
  readonly rounds: ReadonlyMap<string, readonly T[]>;
  readonly failures: readonly string[];
}

/** Who is measured; a stand, or what has one. */
interface Named {
  readonly name: string;
}

export interface ContestOptions<S, T> {
  readonly rounds: number;
  readonly measure: (stand: S) => Promise<T>;
  /** How a value is told as soon as it is there. */
  readonly tell: (value: T) => string;
}

/**
 * Measures all stands in turn, round after round, so that what disturbs the machine for a while disturbs all of them.
 * Before, each is measured once for nothing. A stand that fails is left out from then on.
 */
export async function contest<S extends Named, T>(
  stands: readonly S[],
  { say }: Pick<Context, "say">,
  { rounds, measure, tell }: ContestOptions<S, T>,
): Promise<Contest<T>> {
  const values = new Map(stands.map((stand) => [stand.name, [] as T[]]));
  const left = new Set(stands);
  const failures: string[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const stand of left) {
      try {
        const value = await measure(stand);
        if (round > 0) values.get(stand.name)?.push(value);
        say(`${round === 0 ? "warm-up" : `round ${round} of ${rounds}`}: ${stand.name} ${tell(value)}`);
      } catch (error) {
        left.delete(stand);
        failures.push(messageOf(error));
        say(messageOf(error));
      }
    }
  }
  return { rounds: new Map([...values].filter(([, measured]) => measured.length > 0)), failures };
}

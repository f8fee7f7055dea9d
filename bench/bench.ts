import type { Closer } from "../src/base/closer.ts";
import type { BenchId } from "./targets.ts";

/** One number that was measured several times. */
export interface Figure {
  /** Whose, and of what: "shadowsocks-libev", "sennit, 64 streams". */
  readonly name: string;
  readonly unit: string;
  /** One for each round. */
  readonly rounds: readonly number[];
}

/** What a measurement found. */
export interface Outcome {
  /** What is judged, in the unit of the target, one for each round; the median counts. */
  readonly rounds: readonly number[];
  /** What it was made of, and what stands beside it. */
  readonly figures: readonly Figure[];
  /** Who could not run, or not be measured, and why: with one of these nothing is ok. */
  readonly failures: readonly string[];
}

/** What a measurement is given. */
export interface Context {
  /** Rounds asked for on the command line, or the measurement's own number. */
  readonly rounds: (usual: number) => number;
  /** Seconds that count in each transfer, likewise. */
  readonly seconds: (usual: number) => number;
  /** Undoes whatever was started, at the end of the measurement. */
  readonly closer: Closer;
  /** Notes a program that is measured, for the record: "haproxy 2.6.12". */
  readonly uses: (version: string) => void;
  /** Tells how far it is. */
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly id: BenchId;
  /** What it measures, in one line. */
  readonly about: string;
  /** Runs only when it is asked for: what takes too long for the whole set. */
  readonly onlyWhenAsked?: true;
  run(context: Context): Promise<Outcome>;
}

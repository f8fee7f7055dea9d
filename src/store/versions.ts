import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import type { StateDir } from "./state-dir.ts";

/** How many are kept; the oldest goes first. */
export const MAX_VERSIONS = 50;

const versionSchema = z.strictObject({
  number: z.int().positive(),
  /** When it was stored, by the clock on the wall: milliseconds since 1970. */
  at: z.int().nonnegative(),
  why: z.string(),
  text: z.string(),
});
export type Version = z.output<typeof versionSchema>;

/** Every text that a file had, with a number that is never given twice. Survives what its directory survives. */
export class Versions {
  readonly #directory: StateDir;
  readonly #now: () => number;

  /** `directory` is for this alone; `now` is milliseconds since 1970. */
  constructor(directory: StateDir, now: () => number) {
    this.#directory = directory;
    this.#now = now;
  }

  /** All numbers, newest last. */
  async numbers(): Promise<readonly number[]> {
    const names = await this.#directory.list();
    return names
      .flatMap((name) => (/^v\d{1,9}$/.test(name) ? [Number(name.slice(1))] : []))
      .sort((a, b) => a - b);
  }

  async all(): Promise<readonly Version[]> {
    return Promise.all((await this.numbers()).map((number) => this.get(number)));
  }

  /** Throws `no-version`. */
  async get(number: number): Promise<Version> {
    const version = await this.#directory.read(`v${number}`, versionSchema);
    if (version !== undefined) return version;
    throw new SennitError("config", "no-version", `there is no version ${number}`, {
      remedy: "`sennit config history` tells which there are",
    });
  }

  /** Stores `text`, unless it is the newest already; its number. */
  async add(text: string, why: string): Promise<number> {
    const numbers = await this.numbers();
    const newest = numbers.at(-1);
    if (newest !== undefined && (await this.get(newest)).text === text) return newest;
    const number = (newest ?? 0) + 1;
    await this.#directory.write(`v${number}`, { number, at: this.#now(), why, text } satisfies Version);
    for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - MAX_VERSIONS)))
      await this.#directory.remove(`v${old}`);
    return number;
  }
}

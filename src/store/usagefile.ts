import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const bytes = z.number().nonnegative();
const usageSchema = z.strictObject({
  wan: z.string(),
  since: z.string(),
  rx: bytes,
  tx: bytes,
  seen: z.strictObject({ device: z.string(), life: z.string(), rx: bytes, tx: bytes }).nullable(),
});
/** WANs that are remembered, those that the config has no more included: more than any router has. */
const MAX_USAGES = 64;
const fileSchema = z.strictObject({ version: z.literal(1), usages: z.array(usageSchema).max(MAX_USAGES) });

/** What was used of a WAN's quota (wan/quota.ts). */
export type KeptUsage = z.output<typeof usageSchema>;

/** What the WANs' quotas have left, in a file of the state directory: it outlives processes and boots. */
export class UsageFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, "usage.json");
  }

  /** None where there is no file; throws where there is one that can't be read. */
  read(): readonly KeptUsage[] {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#path, "utf8"))).usages;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** Moves one that can't be read out of the way, over the last such; where it is now. */
  setAside(): string {
    const aside = `${this.#path}.damaged`;
    renameSync(this.#path, aside);
    return aside;
  }

  /** A reader sees the old file or the new one, also after a power cut. Of too many the last are forgotten. */
  write(usages: readonly KeptUsage[]): void {
    const temporary = `${this.#path}.new`;
    const text = `${JSON.stringify({ version: 1, usages: usages.slice(0, MAX_USAGES) }, undefined, 2)}\n`;
    writeFileSync(temporary, text, { mode: 0o600, flush: true });
    renameSync(temporary, this.#path);
  }
}

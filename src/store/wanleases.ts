import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { z } from "zod";

const ipv4 = z.string().refine((text) => isIPv4(text));

/** What a DHCP server gave to a WAN. Times are milliseconds since 1970. */
const leaseSchema = z.strictObject({
  wan: z.string(),
  device: z.string(),
  address: ipv4,
  prefixLength: z.int().min(1).max(32),
  gateway: ipv4.nullable(),
  dns: z.array(ipv4),
  server: ipv4.nullable(),
  since: z.number(),
  /** Null for ever. */
  until: z.number().nullable(),
});
const fileSchema = z.strictObject({ version: z.literal(1), leases: z.array(leaseSchema).max(64) });

export type WanLease = z.output<typeof leaseSchema>;

/**
 * The leases of the WANs in a file of the run directory, so that a control process that was killed goes on with the
 * addresses that are in use, while it asks for them anew.
 */
export class WanLeaseFile {
  readonly #path: string;

  constructor(runDirectory: string) {
    this.#path = join(runDirectory, "wan-leases.json");
  }

  /** Those that hold at `now` (ms since 1970). A file that is not there, or not one of ours, holds none: they can be had again. */
  read(now: number): readonly WanLease[] {
    try {
      const { leases } = fileSchema.parse(JSON.parse(readFileSync(this.#path, "utf8")));
      return leases.filter(({ until }) => until === null || until > now);
    } catch {
      return [];
    }
  }

  /** A reader sees the old file or the new one. */
  write(leases: readonly WanLease[]): void {
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, `${JSON.stringify({ version: 1, leases }, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, this.#path);
  }
}

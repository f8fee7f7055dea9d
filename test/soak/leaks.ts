import type { Role } from "../../src/lab/pair.ts";
import { openFiles, rssBytes } from "../../src/linux/usage.ts";
import type { Site } from "../e2e/site.ts";
import { until } from "../e2e/until.ts";

const MEGABYTE = 1024 * 1024;
const ROLES = ["router", "server"] as const satisfies readonly Role[];
const NATS = ["cpe-fibre", "cpe-lte", "cgnat"] as const;
/**
 * What may be there more than before: a heap is not as small as it could be, and a pool of carriers is being renewed now and
 * then.
 */
const MORE_RSS_BYTES = 96 * MEGABYTE;
const MORE_FILES = 16;
/** NAT entries of carriers: the bound per WAN (docs/architecture.md), and what died in silence and is remembered there. */
const NAT_ENTRIES = 256;
/** Flows end, and carriers come to their number, in this time (ms). */
const REST_MS = 60_000;

/** What a pair of router and server takes of the machine while nothing is carried. */
export interface Footprint {
  readonly rssBytes: Readonly<Record<Role, number>>;
  readonly openFiles: Readonly<Record<Role, number>>;
  /** Of the router, without its counters and what is in its sets for a while. */
  readonly ruleset: string;
  readonly natEntries: Readonly<Record<string, number>>;
  readonly flows: Readonly<Record<Role, number>>;
}

/** Waits until nothing is carried any more, and measures. */
export async function measure(site: Site): Promise<Footprint> {
  const each = async (value: (pids: readonly number[], role: Role) => Promise<number>) => {
    const values = await Promise.all(
      ROLES.map(async (role) => [role, await value(await pids(site, role), role)]),
    );
    return Object.fromEntries(values) as Record<Role, number>;
  };
  const flows = await each((_, role) => restingFlows(site, role));
  const { stdout } = await site.lab.exec("router")(["nft", "--terse", "list", "ruleset"]);
  return {
    flows,
    rssBytes: await each(async (all) => rssBytes(all)),
    openFiles: await each(async (all) => openFiles(all)),
    ruleset: stdout.replaceAll(/packets \d+ bytes \d+/g, "packets bytes"),
    natEntries: Object.fromEntries(NATS.map((nat) => [nat, site.lab.host(nat).nat?.entries ?? 0])),
  };
}

/** What is there now that should not be. */
export function* leaks(before: Footprint, after: Footprint): Generator<string> {
  for (const role of ROLES) {
    const rss = after.rssBytes[role] - before.rssBytes[role];
    if (rss > MORE_RSS_BYTES) yield `${role}: ${megabytes(rss)} more memory`;
    const files = after.openFiles[role] - before.openFiles[role];
    if (files > MORE_FILES) yield `${role}: ${files} more descriptors`;
    if (after.flows[role] > 0) yield `${role}: ${after.flows[role]} flows that nobody has`;
  }
  if (after.ruleset !== before.ruleset) yield "router: another nft ruleset than before";
  for (const [nat, entries] of Object.entries(after.natEntries)) {
    if (entries > NAT_ENTRIES) yield `${nat}: ${entries} NAT entries`;
  }
}

/** For people. */
export function describe(before: Footprint, after: Footprint): string {
  const of = (role: Role): string =>
    `${role} ${megabytes(after.rssBytes[role])} (${megabytes(after.rssBytes[role] - before.rssBytes[role])} more), ` +
    `${after.openFiles[role]} descriptors (${after.openFiles[role] - before.openFiles[role]} more)`;
  const nats = Object.entries(after.natEntries).map(([nat, entries]) => `${nat} ${entries}`);
  return `${ROLES.map(of).join("; ")}; NAT entries: ${nats.join(", ")}`;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / MEGABYTE)} MB`;

async function pids(site: Site, role: Role): Promise<readonly number[]> {
  const { data } = await site.pair.status(role);
  return data.pid === null ? [] : [data.pid];
}

/** How many flows there are, none if that comes in time. */
async function restingFlows(site: Site, role: Role): Promise<number> {
  const look = async (): Promise<number> => (await site.pair.status(role)).flows.open;
  return until(look, (open) => open === 0, REST_MS).catch(look);
}

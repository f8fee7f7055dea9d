import { readdirSync, readFileSync } from "node:fs";
import { parseConfig, readText, type ConfigKind } from "../../config/load.ts";
import type { RateTrace } from "../link/ratetrace.ts";
import type { DirectionSettings } from "../link/settings.ts";
import { topologyRules } from "./rules.ts";
import type { z } from "zod";
import { directionFields, type DirectionChange, type linkChange, type LinkSpec } from "./linkschema.ts";
import { topologySchema, type HostSpec, type TopologyFile } from "./schema.ts";

/** Who is there and how they are connected. */
export interface Topology extends TopologyFile {
  /** Of the file, or the built-in's. */
  readonly name: string;
}

export type HostKind = "host" | "router" | "nat";

/** Everything there is to know about topology files: also for the documentation. */
export const topologyKind: ConfigKind<typeof topologySchema> = {
  schema: topologySchema,
  rules: topologyRules,
};

/** Built into Sennit: `dual`, `cascade`. */
const BUILT_IN = new URL("./builtin/", import.meta.url);

export function builtInTopologies(): string[] {
  return readdirSync(BUILT_IN)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}

/** The text of a built-in topology or of a file. Throws `config-unreadable`. */
export function topologyText(nameOrPath: string): Promise<string> {
  return builtInTopologies().includes(nameOrPath)
    ? Promise.resolve(readFileSync(new URL(`${nameOrPath}.yaml`, BUILT_IN), "utf8"))
    : readText(nameOrPath);
}

/** Reads and checks a built-in topology or a file. Throws `config-unreadable`, or `config-invalid` with every problem. */
export async function loadTopology(nameOrPath: string): Promise<Topology> {
  return parseTopology(await topologyText(nameOrPath), nameOrPath);
}

export function parseTopology(text: string, nameOrPath: string): Topology {
  const name = nameOrPath.replace(/^.*\//, "").replace(/\.ya?ml$/, "");
  return { name, ...parseConfig(topologyKind, text, nameOrPath) };
}

export function hostKind(host: HostSpec): HostKind {
  if (host.nat !== undefined) return "nat";
  return host.forwards ? "router" : "host";
}

/** The least that a router's buffer holds, and the time it holds at the link's rate: the habit of the trade. */
const QUEUE_BYTES = 64 * 1024;
const QUEUE_MS = 100;

/** One direction with everything that was not said filled in. */
export function settingsOf(said: DirectionChange): DirectionSettings {
  const { rate, trace } = rateSettings(said.rate ?? Infinity);
  const { limit = Infinity, queue = usualQueue(rate, limit) } = said;
  return {
    rate,
    trace,
    delay: said.delay ?? 0,
    jitter: said.jitter ?? 0,
    loss: said.loss ?? 0,
    burstLoss: said.burstLoss,
    reorder: said.reorder,
    mtuBlackhole: said.mtuBlackhole ?? Infinity,
    blockUdp: said.blockUdp ?? false,
    blockMpJoin: said.blockMpJoin ?? false,
    queue,
    limit,
  };
}

/** A rate that stays, or one that changes. */
export function rateSettings(rate: number | RateTrace): Pick<DirectionSettings, "rate" | "trace"> {
  return typeof rate === "number"
    ? { rate, trace: undefined }
    : { rate: rate.rates.reduce((most, next) => Math.max(most, next), 0), trace: rate };
}

function usualQueue(rate: number, limit: number): number {
  if (limit !== Infinity) return Infinity;
  return rate === Infinity ? QUEUE_BYTES : Math.max(QUEUE_BYTES, (rate * QUEUE_MS) / 8000);
}

export interface BothDirections<T> {
  /** From the first end to the second. */
  readonly up: T;
  readonly down: T;
}

/** What is said of each direction: its own words before those about both. */
export function directionsSaid(link: z.output<typeof linkChange>): BothDirections<DirectionChange> {
  const both = said(link);
  return { up: { ...both, ...said(link.up ?? {}) }, down: { ...both, ...said(link.down ?? {}) } };
}

/** A link of which nothing is said is a plain cable. */
export function isCable(link: LinkSpec): boolean {
  const { up, down } = directionsSaid(link);
  return Object.keys({ ...up, ...down }).length === 0;
}

/** What is about a direction, without the keys whose value is undefined, which would cover others. */
function said(change: DirectionChange): DirectionChange {
  return Object.fromEntries(
    Object.entries(change).filter(
      ([key, value]) => Object.hasOwn(directionFields, key) && value !== undefined,
    ),
  );
}

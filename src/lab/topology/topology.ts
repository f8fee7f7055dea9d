import { readdirSync, readFileSync } from "node:fs";
import { parseConfig, readText, type ConfigKind } from "../../config/load.ts";
import type { DirectionSettings } from "../link/model.ts";
import { topologyRules } from "./rules.ts";
import type { z } from "zod";
import {
  topologySchema,
  type DirectionChange,
  type HostSpec,
  type linkChange,
  type LinkSpec,
  type TopologyFile,
} from "./schema.ts";

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
export function settingsOf({
  rate = Infinity,
  delay = 0,
  jitter = 0,
  loss = 0,
  queue,
}: DirectionChange): DirectionSettings {
  const usual = rate === Infinity ? QUEUE_BYTES : Math.max(QUEUE_BYTES, (rate * QUEUE_MS) / 8000);
  return { rate, delay, jitter, loss, queue: queue ?? usual };
}

export interface BothDirections<T> {
  /** From the first end to the second. */
  readonly up: T;
  readonly down: T;
}

/** What is said of each direction: its own words before those about both. */
export function directionsSaid(change: z.output<typeof linkChange>): BothDirections<DirectionChange> {
  const { rate, delay, jitter, loss, queue, up = {}, down = {} } = change;
  const both = said({ rate, delay, jitter, loss, queue });
  return { up: { ...both, ...said(up) }, down: { ...both, ...said(down) } };
}

/** A link of which nothing is said is a plain cable. */
export function isCable(link: LinkSpec): boolean {
  const { up, down } = directionsSaid(link);
  return Object.keys({ ...up, ...down }).length === 0;
}

/** Without the keys whose value is undefined, which would cover others. */
function said(change: DirectionChange): DirectionChange {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

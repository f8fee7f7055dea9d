import { readdirSync, readFileSync } from "node:fs";
import { parseConfig, readText, type ConfigKind } from "../../config/load.ts";
import { topologyRules } from "./rules.ts";
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

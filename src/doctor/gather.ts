import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../base/errors.ts";
import type { Exec } from "../linux/exec.ts";
import type { IpRoute, Route } from "../linux/iproute.ts";
import type { Sysctl } from "../linux/sysctl.ts";
import type { Evidence, Known } from "./evidence.ts";

export interface GatherDeps {
  readonly ip: Pick<IpRoute, "links" | "rules" | "routes" | "limits">;
  readonly exec: Exec;
  readonly sysctl: Pick<Sysctl, "get">;
  /** Ours, whose files tell that the clock was further once; undefined while nobody knows where it is. */
  readonly stateDirectory: string | undefined;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** What the kernel tells of this machine. */
export type KernelEvidence = Pick<
  Evidence,
  "links" | "rules" | "defaultRoutes" | "mptcpEnabled" | "limits" | "endpoints" | "conntrack" | "clock"
>;

/** Looks at everything; what can't be seen is unknown, with the reason. Changes nothing. */
export async function gather(deps: GatherDeps): Promise<KernelEvidence> {
  const { ip, exec, sysctl, stateDirectory, wallClock } = deps;
  const [links, rules, defaultRoutes, limits, endpoints, mptcpEnabled, conntrack, clock] = await Promise.all([
    known(() => ip.links()),
    known(() => ip.rules()),
    known(async () => (await ip.routes()).filter(isDefault).flatMap(devicesOf)),
    known(() => ip.limits()),
    known(() => endpointsOf(exec)),
    known(() => sysctl.get("net/mptcp/enabled") === "1"),
    known(() => conntrackOf(sysctl)),
    known(() => ({ nowMs: wallClock(), latestMs: latestOf(stateDirectory) })),
  ]);
  return { links, rules, defaultRoutes, limits, endpoints, mptcpEnabled, conntrack, clock };
}

async function known<T>(look: () => Promise<T> | T): Promise<Known<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    return { unknown: messageOf(error) };
  }
}

const isDefault = ({ destination, type }: Route): boolean => destination === "default" && type === "unicast";
const devicesOf = ({ device, nextHops = [] }: Route): readonly string[] =>
  [device, ...nextHops.map((hop) => hop.device)].filter((name) => name !== undefined);

/** As `ip -j mptcp endpoint` prints them. */
const endpointSchema = z.array(z.object({ address: z.string() }));

async function endpointsOf(exec: Exec): Promise<readonly string[]> {
  const { stdout } = await exec(["ip", "-j", "mptcp", "endpoint", "show"]);
  return endpointSchema.parse(JSON.parse(stdout.trim() || "[]")).map(({ address }) => address);
}

/** Without the module there is no table that could fill. */
function conntrackOf(sysctl: Pick<Sysctl, "get">): { count: number; max: number } {
  const [count, max] = ["count", "max"].map((name) => sysctl.get(`net/netfilter/nf_conntrack_${name}`));
  return { count: Number(count ?? 0), max: max === undefined ? Infinity : Number(max) };
}

/** When the latest file in a directory was written; undefined where there is none. */
function latestOf(directory: string | undefined): number | undefined {
  if (directory === undefined) return undefined;
  const times = readdirSync(directory).map((name) => statSync(join(directory, name)).mtimeMs);
  return times.length === 0 ? undefined : Math.max(...times);
}

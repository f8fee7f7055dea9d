import type { BudgetShare } from "../relay/budget.ts";
import { joinFigures } from "../wan/figures.ts";
import type { DataReport, Orders } from "./messages.ts";

/**
 * A data process divides its work into shards: each has sessions of its own, with their flows and carriers, and shares
 * nothing with the others but the budget for memory. A single one lives in the process's main thread; of several, each
 * lives in a thread of its own (ShardThread), and the main thread does nothing but take connections in and hand them out.
 */
export interface Shard {
  /** Carries out new orders without touching what they leave as it is. */
  configure(orders: Orders): Promise<void>;
  report(): Promise<ShardReport>;
  /** Tells the other ends that this process is being replaced, and goes on with the flows there are. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What it has to say of itself; what it has none of is zero, empty or null. */
export type ShardReport = Pick<
  DataReport,
  "heldBytes" | "sessions" | "counts" | "bytesIn" | "bytesOut" | "unused" | "ways" | "trouble"
>;

/** Which shard it is. */
export interface ShardPlace {
  /** From 0, of so many. */
  readonly number: number;
  readonly of: number;
  readonly budget: BudgetShare;
}

/** One thread is enough for what a small machine can move, and leaves a core for its other work on a larger one. */
const SMALL_CORES = 2;
const MAX_WORKERS = 4;

/** How many shards a data process has on a machine with so many cores, unless the config says it. */
export function usualWorkers(cores: number): number {
  return cores <= SMALL_CORES ? 1 : Math.min(MAX_WORKERS, cores - 1);
}

/** Its part of `total`: the parts of all differ by one at most. */
export function part(total: number, { number, of }: Pick<ShardPlace, "number" | "of">): number {
  return Math.floor(total / of) + (number < total % of ? 1 : 0);
}

/** What all shards of a process say together. */
export function joinReports(reports: readonly ShardReport[]): ShardReport {
  const sum = (of: (report: ShardReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const sessions = reports.flatMap((report) => report.sessions);
  return {
    heldBytes: sum(({ heldBytes }) => heldBytes),
    sessions,
    counts: {
      opened: sum(({ counts }) => counts.opened),
      refused: sum(({ counts }) => counts.refused),
      reset: sum(({ counts }) => counts.reset),
      moved: sum(({ counts }) => counts.moved),
      carriersLost: sum(({ counts }) => counts.carriersLost),
    },
    bytesIn: sum(({ bytesIn }) => bytesIn),
    bytesOut: sum(({ bytesOut }) => bytesOut),
    unused: joinUnused(reports),
    ways: joinWays(reports),
    // Where one gets through, the others' troubles are nobody's yet.
    trouble: reports.every(({ trouble }) => trouble !== null) ? (reports[0]?.trouble ?? null) : null,
  };
}

function joinWays(reports: readonly ShardReport[]): DataReport["ways"] {
  const all = reports.flatMap(({ ways }) => ways);
  return [...new Set(all.map(({ way }) => way))].map((way) => ({
    way,
    ...joinFigures(all.filter((one) => one.way === way)),
  }));
}

function joinUnused(reports: readonly ShardReport[]): DataReport["unused"] {
  const all = reports.flatMap(({ unused }) => unused);
  const carriers = reports.flatMap(({ sessions }) => sessions.flatMap((session) => session.carriers));
  const ways = new Map(all.map((one) => [one.localAddress, one]));
  return [...ways.values()].map((way) => {
    const same = all.filter(({ localAddress }) => localAddress === way.localAddress);
    return {
      ...way,
      lacking: same.reduce((total, { lacking }) => total + lacking, 0),
      // A shard that lacks it nowhere says nothing of it, but its carriers count.
      carriers: carriers.filter(({ mptcp }) => mptcp).length,
      repairs: Math.max(...same.map(({ repairs }) => repairs)),
    };
  });
}

import { table } from "../src/cli/output.ts";
import type { Bench, Figure, Outcome } from "./bench.ts";
import { median } from "./statistics.ts";
import { describeTarget, exceeded, meets, TARGETS, type BenchId, type Target } from "./targets.ts";

/** One measurement's line in the file and in the table. */
export interface Row {
  readonly id: BenchId;
  /** The median of the rounds; null where there is none. */
  readonly value: number | null;
  readonly unit: string;
  /** ">= 1.8" */
  readonly target: string;
  readonly ok: boolean;
  /** Medians of what stands beside it, Sennit's own included; `figures` has their units and rounds. */
  readonly peers: Readonly<Record<string, number>>;
  readonly rounds: readonly number[];
  readonly figures: readonly Figure[];
  /** Why it is not ok, where the value does not tell. */
  readonly failures: readonly string[];
}

/** Judges what a measurement found by its target. */
export function rowOf(id: BenchId, { rounds, figures, ...outcome }: Outcome): Row {
  const target: Target = TARGETS[id];
  const failures = [...outcome.failures, ...exceeded(target, rounds, figures)];
  const value = median(rounds);
  return {
    id,
    value: Number.isFinite(value) ? value : null,
    unit: target.unit,
    target: describeTarget(target),
    ok: failures.length === 0 && meets(target, value),
    peers: Object.fromEntries(
      figures
        .map(({ name, rounds }) => [name, median(rounds)] as const)
        .filter(([, figure]) => isFinite(figure)),
    ),
    rounds,
    figures,
    failures,
  };
}

/** The lines of all rows: each value with its spread and target, and below it what it was made of. */
export function tableOf(rows: readonly Row[]): readonly string[] {
  const lines = rows.flatMap(({ id, value, unit, target, ok, rounds, figures }) => [
    [id, number(value ?? NaN), spread(rounds), unit, target, ok ? "ok" : "NOT OK"],
    ...figures.map((figure) => [
      `  ${figure.name}`,
      number(median(figure.rounds)),
      spread(figure.rounds),
      figure.unit,
    ]),
  ]);
  const reasons = rows.flatMap(({ id, failures }) => failures.map((why) => `${id}: ${why}`));
  return [
    ...table(["", "median", "spread", "unit", "target", ""], lines, ["left", "right"]),
    ...(reasons.length > 0 ? ["", ...reasons] : []),
  ];
}

/** What can be asked for. */
export function listOf(benches: readonly Bench[]): readonly string[] {
  const rows = benches.map(({ id, about, onlyWhenAsked }) => {
    const target: Target = TARGETS[id];
    const bound = `${describeTarget(target)} ${target.unit}`;
    return [id, onlyWhenAsked ? `${about}; only when asked for` : about, bound];
  });
  return table(["id", "what it measures", "target"], rows);
}

function spread(values: readonly number[]): string {
  if (values.length < 2) return "";
  return `${number(Math.min(...values))}..${number(Math.max(...values))}`;
}

/** Three digits that count. */
function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

import type { HistoryReport, HistorySample } from "../api/history.ts";
import { formatBytes, formatRate } from "../base/units.ts";
import { formatAge, table } from "./output.ts";

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/** What names and figures take of a line, and the width that a curve is worth drawing in. */
const BESIDE_CURVE = 48;
const CURVE = { min: 20, max: 120 } as const;

/** One curve of a WAN: how it is drawn, and what of it is told in figures. */
interface Curve {
  readonly name: string;
  /** Undefined where it is not known. */
  readonly value: (sample: HistorySample) => number | null;
  /** What the highest bar stands for, at least: noise near zero is not to look like a mountain. */
  readonly scale: number;
  readonly tell: (samples: readonly HistorySample[]) => string;
}

const CURVES: readonly Curve[] = [
  {
    name: "down",
    value: ({ rate }) => rate.down,
    scale: 1e5,
    tell: (samples) =>
      `${formatRate(most(samples, ({ peak }) => peak.down))} at most, ${formatBytes(sum(samples, ({ bytes }) => bytes.down))}`,
  },
  {
    name: "up",
    value: ({ rate }) => rate.up,
    scale: 1e5,
    tell: (samples) =>
      `${formatRate(most(samples, ({ peak }) => peak.up))} at most, ${formatBytes(sum(samples, ({ bytes }) => bytes.up))}`,
  },
  {
    name: "round trip",
    value: ({ rttMs }) => rttMs,
    scale: 10,
    tell: (samples) => milliseconds(samples, "rttMs", "rttMaxMs"),
  },
  {
    name: "jitter",
    value: ({ jitterMs }) => jitterMs,
    scale: 10,
    tell: (samples) => milliseconds(samples, "jitterMs", "jitterMs"),
  },
  {
    name: "loss",
    value: ({ lossPerMille }) => lossPerMille,
    scale: 20,
    tell: (samples) => {
      const mean = average(samples, ({ lossPerMille }) => lossPerMille);
      return mean === null ? "not known" : `${Math.round(mean)} per mille`;
    },
  },
  {
    name: "usable",
    value: ({ carryingPerMille }) => carryingPerMille,
    scale: 1000,
    tell: (samples) =>
      `${((average(samples, ({ carryingPerMille }) => carryingPerMille) ?? 0) / 10).toFixed(1)} % of the time`,
  },
];

/** The report for people, on a terminal with so many columns. */
export function historyLines({ from, to, stepMs, wans }: HistoryReport, columns: number): readonly string[] {
  if (wans.every(({ samples }) => samples.length === 0)) return ["nothing is known of that time"];
  const width = Math.round(
    Math.min(CURVE.max, Math.max(CURVE.min, columns - BESIDE_CURVE), (to - from) / stepMs),
  );
  const each = (to - from) / width;
  return [
    `${localTime(from)} to ${localTime(to)}, a bar is ${formatAge(Math.max(1000, each))}`,
    ...wans.flatMap(({ name, samples }) => {
      const bins = binned(samples, from, each, width);
      const rows = CURVES.map(({ name: what, value, scale, tell }) => [
        `  ${what}`,
        sparkline(
          bins.map((bin) => average(bin, value)),
          scale,
        ),
        tell(samples),
      ]);
      return ["", name, ...table(["", "", ""], rows).slice(1)];
    }),
  ];
}

/** A bar for each value, the highest for `scale` or the largest of them; a gap where nothing is known. */
export function sparkline(values: readonly (number | null)[], scale: number): string {
  const top = Math.max(scale, ...values.map((value) => value ?? 0));
  return values
    .map((value) =>
      value === null ? " " : BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))],
    )
    .join("");
}

function binned(
  samples: readonly HistorySample[],
  from: number,
  each: number,
  count: number,
): HistorySample[][] {
  const bins: HistorySample[][] = Array.from({ length: count }, () => []);
  for (const sample of samples) bins[Math.max(0, Math.floor((sample.at - from) / each))]?.push(sample);
  return bins;
}

/** Weighed by time; null where nothing is known. */
function average(samples: readonly HistorySample[], value: Curve["value"]): number | null {
  let [total, seconds] = [0, 0];
  for (const sample of samples) {
    const known = value(sample);
    if (known === null) continue;
    total += known * sample.seconds;
    seconds += sample.seconds;
  }
  return seconds === 0 ? null : total / seconds;
}

const sum = (samples: readonly HistorySample[], value: (sample: HistorySample) => number): number =>
  samples.reduce((total, sample) => total + value(sample), 0);

const most = (samples: readonly HistorySample[], value: (sample: HistorySample) => number): number =>
  samples.reduce((top, sample) => Math.max(top, value(sample)), 0);

type Milliseconds = "rttMs" | "rttMaxMs" | "jitterMs";

function milliseconds(samples: readonly HistorySample[], mean: Milliseconds, top: Milliseconds): string {
  const value = average(samples, (sample) => sample[mean]);
  if (value === null) return "not known";
  return `${value.toFixed(1)} ms, ${most(samples, (sample) => sample[top] ?? 0).toFixed(1)} at most`;
}

/** "2026-11-23 08:00:00" on this machine's clock. */
export function localTime(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

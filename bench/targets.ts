/** The one place where it stands what must be reached. `unit` says what the value is, which is what is judged. */
export interface Target {
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** What no single round may exceed, whatever the median is. */
  readonly worst?: number;
  /** What no round of a figure beside the value may exceed; in the figure's unit. */
  readonly figures?: Readonly<Record<string, number>>;
}

const ofShadowsocks = "x shadowsocks-libev";

export const TARGETS = {
  "bulk-down": { unit: ofShadowsocks, atLeast: 1.8 },
  "bulk-up": { unit: ofShadowsocks, atLeast: 0.8 },
  "bulk-8": { unit: ofShadowsocks, atLeast: 0.9 },
  "cpu-per-gb": { unit: ofShadowsocks, atMost: 1.3 },
  "bulk-512": { unit: "x 8 streams", atLeast: 0.9 },
  workers: { unit: "x 1 worker", atLeast: 0.95 },
  aggregate: { unit: "x sum of single paths", atLeast: 0.98 },
  "first-byte": { unit: "x best WAN directly", atMost: 0.7 },
  accept: { unit: ofShadowsocks, atLeast: 1 },
  "idle-flows": { unit: "MB", atMost: 300 },
  stall: { unit: "s", atMost: 0.35, worst: 0.8 },
  return: { unit: "s", atMost: 1, figures: { "sennit, longest gap": 0.1 } },
  outage: { unit: "s", atMost: 0.5 },
  "nat-reboot": { unit: "s", atMost: 1 },
  flaps: { unit: "flows cut + bytes wrong", atMost: 0 },
  heal: {
    unit: "s",
    atMost: 1,
    worst: 1,
    figures: { "flows cut": 0, "bytes wrong": 0, "left with a private source": 0, "not told of": 0 },
  },
  "fail-open": {
    unit: "s, the slowest failure",
    atMost: 3,
    worst: 3,
    figures: { "direct flows cut": 0, "out directly though closed": 0 },
  },
  many: { unit: "x the nearest bound", atMost: 1 },
  lossy: {
    unit: "states too many",
    atMost: 0,
    figures: {
      "clean WAN, down after": 0.35,
      "lossy WAN, degraded after": 5,
      "lossy WAN, figure off by": 100,
      "lossy WAN, down after": 3,
    },
  },
  busy: { unit: "times down", atMost: 0 },
  idle: { unit: "x the nearest bound", atMost: 1, figures: { "programs run": 4 } },
  quota: {
    unit: "% off when acted on",
    atMost: 1,
    worst: 1,
    figures: { "final counter, off by": 5, "count beside the kernel's": 0.1 },
  },
  renumber: { unit: "s, the slowest change", atMost: 1, worst: 1 },
  "small-nat": { unit: "of 1000 flows served", atLeast: 1000 },
} as const satisfies Record<string, Target>;

export type BenchId = keyof typeof TARGETS;

/** The target as people write it: ">= 1.8". */
export function describeTarget({ atLeast, atMost, worst, figures = {} }: Target): string {
  const parts = [
    ...(atLeast === undefined ? [] : [`>= ${atLeast}`]),
    ...(atMost === undefined ? [] : [`<= ${atMost}`]),
    ...(worst === undefined ? [] : [`worst <= ${worst}`]),
    ...Object.entries(figures).map(([name, most]) => `${name} <= ${most}`),
  ];
  return parts.join(" and ");
}

/** Whether `value`, unrounded, is where it must be. NaN never is. */
export function meets({ atLeast = -Infinity, atMost = Infinity }: Target, value: number): boolean {
  return value >= atLeast && value <= atMost;
}

/** Which single rounds, of the value or of what stands beside it, are beyond their bound; in words. */
export function exceeded(
  { unit, worst = Infinity, figures = {} }: Target,
  rounds: readonly number[],
  found: readonly { readonly name: string; readonly unit: string; readonly rounds: readonly number[] }[],
): readonly string[] {
  const bounds = [
    { name: "the worst round", unit, rounds, most: worst },
    ...Object.entries(figures).map(([name, most]) => ({
      ...(found.find((figure) => figure.name === name) ?? { name, unit: "", rounds: [] }),
      most,
    })),
  ];
  return bounds.flatMap(({ name, unit, rounds, most }) => {
    const highest = Math.max(...rounds);
    return highest > most ? [`${name}: ${highest.toPrecision(3)} ${unit}, allowed is ${most}`] : [];
  });
}

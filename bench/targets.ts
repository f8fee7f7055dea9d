/** The one place where it stands what must be reached. `unit` says what the value is, which is what is judged. */
export interface Target {
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
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
} as const satisfies Record<string, Target>;

export type BenchId = keyof typeof TARGETS;

/** The target as people write it: ">= 1.8". */
export function describeTarget({ atLeast, atMost }: Target): string {
  const parts = [
    ...(atLeast === undefined ? [] : [`>= ${atLeast}`]),
    ...(atMost === undefined ? [] : [`<= ${atMost}`]),
  ];
  return parts.join(" and ");
}

/** Whether `value`, unrounded, is where it must be. NaN never is. */
export function meets({ atLeast = -Infinity, atMost = Infinity }: Target, value: number): boolean {
  return value >= atLeast && value <= atMost;
}

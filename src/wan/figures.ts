import type { Health } from "./health.ts";
import type { Loss } from "./lossmeter.ts";

/** One way out in figures, for a supervisor. */
export interface WayFigures {
  /** Of both together, and by what is acknowledged and by probes alone. */
  readonly health: Health;
  readonly tcp: Health;
  readonly probes: Health;
  /** Since anything was heard over it (ms); null before. */
  readonly heardMs: number | null;
  /** Probes in a row without an answer so far. */
  readonly unanswered: number;
  readonly loss: Loss;
  /** As probes find it. */
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
}

const BEST_FIRST: readonly Health[] = ["up", "suspect", "dead"];

/** Of the same WAN, seen by several threads or in both families: where one gets through, the WAN is not to blame for the others. */
export function joinFigures(all: readonly WayFigures[]): WayFigures {
  const best = (of: (one: WayFigures) => Health): Health =>
    BEST_FIRST.find((health) => all.some((one) => of(one) === health)) ?? "unknown";
  const [quickest] = all
    .filter(({ rttMs }) => rttMs !== null)
    .toSorted((a, b) => (a.rttMs ?? 0) - (b.rttMs ?? 0));
  return {
    health: best(({ health }) => health),
    tcp: best(({ tcp }) => tcp),
    probes: best(({ probes }) => probes),
    heardMs: least(all.flatMap(({ heardMs }) => heardMs ?? [])),
    unanswered: least(all.map(({ unanswered }) => unanswered)) ?? 0,
    loss: {
      probes: all.reduce((sum, { loss }) => sum + loss.probes, 0),
      lost: all.reduce((sum, { loss }) => sum + loss.lost, 0),
    },
    rttMs: quickest?.rttMs ?? null,
    jitterMs: quickest?.jitterMs ?? null,
  };
}

const least = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.min(...values);

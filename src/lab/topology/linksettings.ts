import type { z } from "zod";
import type { RateTrace } from "../link/ratetrace.ts";
import type { DirectionSettings } from "../link/settings.ts";
import { directionFields, type DirectionChange, type linkChange, type LinkSpec } from "./linkschema.ts";

/** From what is said about a link to what its directions are. Pure. */

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

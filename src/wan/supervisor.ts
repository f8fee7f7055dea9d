import { lifeOf } from "./life.ts";
import { leastLoss, perMille } from "./lossmeter.ts";
import { type Thresholds, USUAL } from "./thresholds.ts";
import type { DeviceTrouble, WanSight } from "./wansight.ts";

export const WAN_STATES = [
  "absent",
  "no-carrier",
  "no-address",
  "no-gateway",
  "checking",
  "up",
  "busy",
  "degraded",
  "paused",
  "down",
  "over-quota",
  "off",
] as const;
export type WanStateName = (typeof WAN_STATES)[number];

/** One WAN as its supervisor remembers it: plain, so that it can be stored and compared. Times are ms of one clock. */
export interface WanState {
  readonly name: WanStateName;
  /** Why, in words and figures, for people. */
  readonly reason: string;
  readonly since: number;
  /** Since when it is alive without a pause; undefined while it is not. */
  readonly aliveSince: number | undefined;
  /** Whether it has to prove itself, having been down. */
  readonly fell: boolean;
  /** The least round trip seen (ms). */
  readonly leastRttMs: number | undefined;
  readonly lossy: Latch;
  readonly queued: Latch;
  readonly slow: Latch;
  /** Since when connections do not get through though probes do. */
  readonly blockedSince: number | undefined;
  /** Why what does not go through the server leads nowhere, though what does is carried. */
  readonly notDirect: string | undefined;
}

/** Something that is so only when it has been for long enough, and no longer only when it has not for long enough. */
interface Latch {
  readonly on: boolean;
  /** Since when the opposite is seen. */
  readonly otherwiseSince: number | undefined;
}

const OFF: Latch = { on: false, otherwiseSince: undefined };

/** A WAN nobody has looked at yet. */
export const newWan = (now: number): WanState => ({
  name: "checking",
  reason: "not looked at yet",
  since: now,
  aliveSince: undefined,
  fell: false,
  leastRttMs: undefined,
  lossy: OFF,
  queued: OFF,
  slow: OFF,
  blockedSince: undefined,
  notDirect: undefined,
});

/**
 * What a WAN's state is now, from what it was and what is seen. Pure. Facts of the kernel and of the config count at
 * once; what is measured counts when it has lasted (`limits`). To be called whenever something is seen anew.
 */
export function superviseWan(
  before: WanState,
  sight: WanSight,
  now: number,
  limits: Thresholds = USUAL,
): WanState {
  const fixed = fixedState(sight);
  if (fixed !== undefined) {
    // A device that went away comes back as another line, perhaps.
    return enter({ ...newWan(now), fell: before.fell, since: before.since }, before, now, ...fixed);
  }
  const life = lifeOf(sight);
  const known: WanState = { ...before, ...measure(before, sight, now, limits) };
  if (life.is === "dead") {
    const fallen = { ...known, aliveSince: undefined, fell: true, notDirect: undefined };
    return enter(fallen, before, now, "down", life.why ?? "nothing answers");
  }
  if (life.is === "unknown") {
    // No news is no news: what worked when it was last heard of is not doubted because nobody tells.
    if (sight.way?.health !== "dead" && carries(before.name)) return known;
    return enter({ ...known, aliveSince: undefined }, before, now, "checking", life.why ?? "not known yet");
  }
  const notDirect = sight.check?.answered === false ? `${sight.check.what} does not answer` : undefined;
  const alive = { ...known, aliveSince: before.aliveSince ?? now, notDirect };
  if (alive.fell && now - alive.aliveSince < limits.riseMs)
    return enter(alive, before, now, "checking", `heard again, for less than ${limits.riseMs} ms`);
  const [name, why] = aliveState(alive, sight, life.why, now, limits);
  const reason = notDirect === undefined ? why : `${why}; ${notDirect}: nothing goes out here directly`;
  return enter({ ...alive, fell: false }, before, now, name, reason);
}

/** Whether new connections may be sent that way, through the server or directly. */
export const carries = (name: WanStateName): boolean =>
  name === "up" || name === "busy" || name === "degraded";

/** Whether new connections may go out that way without the server: what is not known yet is believed in. */
export const carriesDirectly = ({ name, notDirect }: WanState): boolean =>
  name !== "down" && name !== "over-quota" && name !== "off" && notDirect === undefined;

/** Whether it is no use to anybody now, by whatever fault. */
export const isOut = (name: WanStateName): boolean =>
  name === "absent" ||
  name === "no-carrier" ||
  name === "no-address" ||
  name === "no-gateway" ||
  name === "down";

type Outcome = readonly [name: WanStateName, reason: string];

/** What needs no evidence: it was decided, or the kernel says so. */
function fixedState({ role, roleWhy, quota, trouble }: WanSight): Outcome | undefined {
  if (role === "off") return ["off", roleWhy ?? "switched off in the config"];
  if (trouble !== undefined) return TROUBLES[trouble];
  if (quota !== undefined) return ["over-quota", quota];
  return undefined;
}

const TROUBLES: Readonly<Record<DeviceTrouble, Outcome>> = {
  absent: ["absent", "there is no such device"],
  "switched-off": ["no-carrier", "the device is switched off"],
  "no-carrier": ["no-carrier", "no carrier: the cable is out, or the other end is off"],
  "no-address": ["no-address", "no address"],
  "no-gateway": ["no-gateway", "no gateway: neither a default route on the device nor one in the config"],
};

function aliveState(
  state: WanState,
  sight: WanSight,
  why: string | undefined,
  now: number,
  limits: Thresholds,
): Outcome {
  const { way, cost, rttMs = way?.rttMs ?? undefined } = sight;
  const loss = way?.loss ?? { probes: 0, lost: 0 };
  const lost = `${perMille(loss)} per mille lost (${loss.lost} of ${loss.probes} probes)`;
  const trip = rttMs === undefined ? "round trip not measured yet" : `round trip ${milliseconds(rttMs)}`;
  if (cost !== undefined) return ["paused", `with it, all together carry ${megabits(cost)} less`];
  if (why !== undefined) return [sight.heardElsewhere ? "degraded" : "up", why];
  if (state.blockedSince !== undefined && now - state.blockedSince >= limits.blockedMs)
    return ["degraded", "probes are answered, connections do not get through"];
  if (state.lossy.on) return ["degraded", lost];
  if (state.slow.on) return ["degraded", `${trip}, of which ${limits.degradedRttMs} ms are allowed`];
  if (state.queued.on) {
    const least =
      state.leastRttMs === undefined ? "" : `, of which ${milliseconds(state.leastRttMs)} are the line's`;
    return ["busy", `${megabits(sight.rate)}, ${trip}${least}`];
  }
  return ["up", loss.lost === 0 ? trip : `${trip}, ${lost}`];
}

type Measured = Pick<WanState, "leastRttMs" | "lossy" | "queued" | "slow" | "blockedSince">;

function measure(before: WanState, sight: WanSight, now: number, limits: Thresholds): Measured {
  const { way, rttMs = way?.rttMs ?? undefined, rate } = sight;
  const leastRttMs = smaller(before.leastRttMs, smaller(rttMs, way?.rttMs ?? undefined));
  const queueing =
    rttMs !== undefined &&
    leastRttMs !== undefined &&
    rate >= limits.busyRate &&
    rttMs >= Math.max(limits.busyTimes * leastRttMs, leastRttMs + limits.busyMs);
  const queued = latch(before.queued, queueing, now, limits.busyAfterMs, limits.calmAfterMs);
  const loss = way?.loss ?? { probes: 0, lost: 0 };
  const losing = before.lossy.on
    ? perMille(loss) >= limits.wellPerMille
    : leastLoss(loss) >= limits.degradedPerMille && loss.lost >= limits.leastLost;
  const lossy = latch(before.lossy, losing, now, limits.degradedAfterMs, limits.wellAfterMs);
  const isSlow = rttMs !== undefined && rttMs >= (limits.degradedRttMs ?? Infinity);
  const slow = latch(before.slow, isSlow, now, limits.degradedAfterMs, limits.wellAfterMs);
  const blocked = way?.tcp === "dead" && (way.probes === "up" || way.probes === "suspect");
  return {
    leastRttMs,
    queued,
    lossy,
    slow,
    blockedSince: blocked ? (before.blockedSince ?? now) : undefined,
  };
}

function latch(
  { on, otherwiseSince }: Latch,
  seen: boolean,
  now: number,
  onMs: number,
  offMs: number,
): Latch {
  if (seen === on) return { on, otherwiseSince: undefined };
  const since = otherwiseSince ?? now;
  return now - since >= (on ? offMs : onMs)
    ? { on: seen, otherwiseSince: undefined }
    : { on, otherwiseSince: since };
}

const enter = (
  next: WanState,
  before: WanState,
  now: number,
  name: WanStateName,
  reason: string,
): WanState => ({ ...next, name, reason, since: name === before.name ? before.since : now });

const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

const milliseconds = (ms: number): string => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
const megabits = (bits: number): string => `${(bits / 1e6).toFixed(1)} Mbit/s`;

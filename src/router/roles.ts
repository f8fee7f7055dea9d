import type { RouterConfig } from "../config/router.ts";
import type { WanIntent } from "../netplan/model.ts";
import { scheduled, type WallTime } from "../wan/schedule.ts";
import { carries, type WanState } from "../wan/supervisor.ts";
import type { QuotaEffect } from "./metering.ts";

/** What a WAN is used for now, and why it is not for what the config says. */
export interface RoleNow {
  readonly role: WanIntent["role"];
  readonly roleWhy?: string;
}

export interface RoleFacts {
  /** What the clock shows; undefined while it is not set. */
  readonly time: WallTime | undefined;
  readonly quotaEffectOf: ((wan: string) => QuotaEffect) | undefined;
  /** Without it every WAN is believed to be alive. */
  readonly stateOf: ((wan: string) => WanState) | undefined;
}

/**
 * The roles of the config's WANs now. First the hour counts, then the quota, and of those that are active by then only
 * the cheapest that are alive stay so.
 */
export function rolesNow(
  config: RouterConfig,
  { time, quotaEffectOf, stateOf }: RoleFacts,
): ReadonlyMap<string, RoleNow> {
  const roles = new Map<string, RoleNow>();
  for (const [name, wan] of Object.entries(config.wans)) {
    const mine = byHour(wan, time);
    const spent = mine.role === "active" && quotaEffectOf?.(name) === "backup";
    roles.set(name, spent ? { role: "backup", roleWhy: "a backup, as its quota is used up" } : mine);
  }
  const costs = [...roles]
    .filter(([name, { role }]) => role === "active" && isBelievedIn(stateOf?.(name)))
    .map(([name]) => config.wans[name]?.cost ?? 0);
  const least = Math.min(...costs);
  for (const [name, { role }] of roles) {
    const cost = config.wans[name]?.cost ?? 0;
    if (role === "active" && cost > least)
      roles.set(name, { role: "backup", roleWhy: `a backup, as there are WANs of cost ${least}` });
  }
  return roles;
}

function byHour({ role, schedule }: RouterConfig["wans"][string], time: WallTime | undefined): RoleNow {
  const now = time && scheduled(schedule, role, time);
  if (now === undefined || now.role === role) return { role };
  const until = now.until === undefined ? "" : ` until ${now.until}`;
  return { role: now.role, roleWhy: `${WORDS[now.role]} by its schedule${until}` };
}

const WORDS = { active: "active", backup: "a backup", off: "off" } as const;

/**
 * Whether dearer ones are not needed for its sake. One that nobody has looked at yet is believed in, one that was down has
 * to prove itself, and one that rests is there at once.
 */
const isBelievedIn = (state: WanState | undefined): boolean =>
  state === undefined ||
  carries(state.name) ||
  state.name === "paused" ||
  (state.name === "checking" && !state.fell);

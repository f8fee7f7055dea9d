import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { DataReport } from "../control/messages.ts";
import type { Rates } from "../control/rates.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { Elsewhere } from "../wan/elsewhere.ts";
import { heardSinceCut } from "../wan/life.ts";
import { carries, carriesDirectly, isOut, newWan, superviseWan, type WanState } from "../wan/supervisor.ts";
import type { Thresholds } from "../wan/thresholds.ts";
import type { WanSight } from "../wan/wansight.ts";
import type { WorthSight } from "../wan/worth.ts";
import type { Evidence } from "./evidence.ts";
import { Movement } from "./movement.ts";
import { deviceTrouble } from "./wans.ts";
import { WorthWatch } from "./worthwatch.ts";

/** A WAN that has come into another state, or is or is no longer of use to what goes out directly. */
export interface WanChange {
  readonly wan: string;
  /** That it has on its device. */
  readonly addresses: readonly string[];
  readonly before: WanState;
  readonly now: WanState;
}

/** All that control knows at one moment. */
export interface Knowledge {
  readonly intent: RouterIntent;
  readonly observed: Observations;
  readonly report: DataReport | undefined;
  readonly rates: Rates;
  /** By WAN; without it, all there is comes from the session. */
  readonly evidenceOf?: (wan: string) => Evidence;
  /** Why a WAN is to carry nothing more. */
  readonly spentOf?: (wan: string) => string | undefined;
}

export interface WanSupervisorDeps {
  readonly limits: Thresholds;
  readonly clock: Clock;
  readonly log: Log;
  /** Asks the data process for a report out of turn. */
  readonly ask: () => void;
  /** Also with no change of a state where another WAN is to be left out than before. */
  readonly onChange: (changes: readonly WanChange[]) => void;
}

/** While the data process has found a WAN dead that is not down, or one that loses much is not degraded yet, its word is asked for so often (ms), and so many times. */
const DISPUTE_MS = 50;
const DISPUTE_ASKS = 100;

/** Follows every WAN of the config from state to state, by what control and data process see. */
export class WanSupervisor {
  readonly #deps: WanSupervisorDeps;
  readonly #states = new Map<string, WanState>();
  readonly #movement = new Movement();
  /** WANs over which the server is heard. */
  #heard: ReadonlySet<string> = new Set();
  readonly #elsewhere = new Elsewhere();
  readonly #worth = new WorthWatch();
  #cancel: (() => void) | undefined;
  #asked = 0;

  constructor(deps: WanSupervisorDeps) {
    this.#deps = deps;
  }

  /** In which state a WAN is; `checking` for one that nobody has looked at. */
  of(wan: string): WanState {
    return this.#states.get(wan) ?? newWan(this.#deps.clock.now());
  }

  /** Whether it is not to be used while there are others: it costs more than it brings, or that is being tried out. */
  leavesOut(wan: string): boolean {
    return this.#worth.leavesOut(wan);
  }

  /** Whether the session does not say that it is alive. */
  doubted(wan: string): boolean {
    return !this.#heard.has(wan);
  }

  /** Draws the conclusions. To be called when anything may have changed; doing so too often does no harm. */
  look({ intent, observed, report, rates, evidenceOf = () => ({}), spentOf }: Knowledge): void {
    const now = this.#deps.clock.now();
    this.#movement.look(now, report);
    const ways = new Map(report?.ways.map((way) => [way.way, way]));
    const cutMs = cutSince(report);
    const heard = [...ways.values()].filter(
      (way) => (way.health === "up" || way.health === "suspect") && heardSinceCut(way, cutMs),
    );
    this.#heard = new Set(heard.map(({ way }) => way));
    this.#elsewhere.look(now, heard);
    const changes: WanChange[] = [];
    const company: WorthSight["wans"][number][] = [];
    let disputed = false;
    for (const wan of intent.wans) {
      const rate = rates.of(wan.device);
      const link = observed.links.find(({ name }) => name === wan.device);
      const addresses = (link?.addresses ?? []).map(({ address }) => address);
      const way = ways.get(wan.name);
      const sight: WanSight = {
        role: wan.role,
        roleWhy: wan.roleWhy,
        quota: spentOf?.(wan.name),
        trouble: deviceTrouble(wan, intent, observed),
        way,
        ...this.#movement.of(now, addresses),
        rate: Math.max(rate.in, rate.out),
        ...evidenceOf(wan.name),
        cost: this.#worth.costOf(wan.name),
        cutMs,
        heardElsewhere: this.#elsewhere.than(wan.name, way?.heardMs ?? null),
      };
      const before = this.of(wan.name);
      const state = superviseWan(before, sight, now, this.#deps.limits);
      this.#states.set(wan.name, state);
      if (wan.role === "active" && (carries(state.name) || state.name === "paused"))
        company.push({
          name: wan.name,
          rate: rate.in + rate.out,
          rttMs: sight.rttMs ?? way?.rttMs ?? undefined,
          degraded: state.name === "degraded",
        });
      if (state.name !== before.name || carriesDirectly(state) !== carriesDirectly(before))
        changes.push({ wan: wan.name, addresses, before, now: state });
      const isLosing = !state.lossy.on && state.lossy.otherwiseSince !== undefined;
      disputed ||= isLosing || (way?.health === "dead" && !isOut(state.name) && state.name !== "off");
    }
    for (const name of this.#states.keys())
      if (!intent.wans.some((wan) => wan.name === name)) this.#states.delete(name);
    this.#settle(disputed);
    const other = report !== undefined && this.#worth.look(now, report, company);
    if (changes.length > 0 || other) this.#tell(changes);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Reports come once a second, which is too late for a verdict that is a few answers away. */
  #settle(disputed: boolean): void {
    if (!disputed) this.#asked = 0;
    if (!disputed || this.#cancel !== undefined || this.#asked >= DISPUTE_ASKS) return;
    this.#asked++;
    this.#cancel = this.#deps.clock.after(DISPUTE_MS, () => {
      this.#cancel = undefined;
      this.#deps.ask();
    });
  }

  #tell(changes: readonly WanChange[]): void {
    for (const { wan, before, now } of changes) {
      const fields = { wan, was: before.name, is: now.name, why: now.reason };
      if (isOut(now.name)) this.#deps.log.warn(fields, "WAN is out");
      else this.#deps.log.info(fields, "WAN's state changed");
    }
    this.#deps.onChange(changes);
  }
}

/** For how long no session has had a carrier (ms); undefined while one has, or where there is none to have. */
function cutSince(report: DataReport | undefined): number | undefined {
  const outages = (report?.sessions ?? []).map(({ outageMs }) => outageMs);
  const known = outages.filter((ms) => ms !== null);
  return known.length === 0 || known.length < outages.length ? undefined : Math.min(...known);
}

import type { StatusReport, WanQuota } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import type { RouterConfig } from "../config/router.ts";
import type { RouterEvent } from "../control/events.ts";
import type { DeviceCounter } from "../linux/counters.ts";
import type { KeptUsage, UsageFile } from "../store/usagefile.ts";
import {
  addCounted,
  nextLookMs,
  quotaState,
  sinceDay,
  tightest,
  unused,
  type QuotaState,
  type Tightest,
  type Usage,
} from "../wan/quota.ts";

type Quota = NonNullable<RouterConfig["wans"][string]["quota"]>;

/** The device that a WAN has now. */
export interface MeteredDevice {
  readonly name: string;
  /** ifindex: another device of the same name has another one. */
  readonly index: number;
}

export interface MeteringDeps {
  readonly config: RouterConfig;
  readonly file: Pick<UsageFile, "read" | "write" | "setAside">;
  /** Names this boot and network namespace: counters of another one are others. */
  readonly identity: string;
  readonly deviceOf: (wan: string) => MeteredDevice | undefined;
  readonly counters: () => ReadonlyMap<string, DeviceCounter>;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly log: Log;
  readonly emit: (event: RouterEvent) => void;
  /** A WAN may carry less than before, or more. */
  readonly onChange: () => void;
}

/** What a quota makes of its WAN. */
export type QuotaEffect = "none" | "backup" | "off";

interface Meter {
  readonly quota: Quota;
  usage: Usage;
  state: QuotaState;
}

/**
 * A power cut loses so much of the count (ms), and a card is written to no more often; a process that is killed loses
 * nothing, as the kernel counts on.
 */
const WRITE_EVERY_MS = 10_000;
/** While no rate was seen (bytes/s): no line is taken for slower than 1 Gbit/s. */
const PEAK_AT_LEAST = 125e6;

/** Counts what goes over the WANs that have a quota, and says when it is used up. */
export class Metering {
  readonly #deps: MeteringDeps;
  readonly #meters = new Map<string, Meter>();
  /** Of WANs that have no quota now: it may come back. */
  #others: readonly KeptUsage[] = [];
  #cancel: (() => void) | undefined;
  #lookedAt = 0;
  #wroteAt = 0;
  #peak = PEAK_AT_LEAST;
  #stopped = false;
  /** Why nothing is kept; undefined while all is. */
  #trouble: string | undefined;

  constructor(deps: MeteringDeps) {
    this.#deps = deps;
  }

  /** Goes on with what was counted before; looks when it is asked to, and when a quota may be used up. */
  start(): void {
    const { config, clock } = this.#deps;
    const kept = this.#read();
    this.#lookedAt = this.#wroteAt = clock.now();
    for (const [wan, { quota }] of Object.entries(config.wans)) {
      if (quota === undefined) continue;
      this.#meters.set(wan, { quota, usage: kept.find((one) => one.wan === wan) ?? unused(), state: "room" });
    }
    this.#others = kept.filter(({ wan }) => !this.#meters.has(wan));
    this.look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#write();
  }

  /** Why a WAN is to carry nothing more; undefined while it may. */
  spent(wan: string): string | undefined {
    if (this.effectOf(wan) !== "off") return undefined;
    const meter = this.#meters.get(wan);
    const most = meter && tightest(meter.quota, meter.usage);
    return most && `quota used up: ${describe(most)} since ${meter.usage.since}`;
  }

  effectOf(wan: string): QuotaEffect {
    const meter = this.#meters.get(wan);
    if (meter?.state !== "used-up" || meter.quota.action === "warn") return "none";
    return meter.quota.action;
  }

  /** As the status tells it; null for a WAN without a quota. */
  of(wan: string): WanQuota | null {
    const meter = this.#meters.get(wan);
    if (meter === undefined) return null;
    const { quota, usage, state } = meter;
    const most = tightest(quota, usage);
    return {
      since: usage.since === "" ? null : usage.since,
      bytes: { down: usage.rx, up: usage.tx },
      limits: { down: quota.rx ?? null, up: quota.tx ?? null, total: quota.total ?? null },
      perMille: most === undefined ? 0 : Math.floor((most.used / most.limit) * 1000),
      state,
      action: quota.action,
    };
  }

  get problems(): StatusReport["problems"] {
    const kept =
      this.#trouble === undefined
        ? []
        : [
            {
              code: "usage-not-kept",
              message: `what the quotas have left is not kept: ${this.#trouble}`,
              remedy: "see that the state directory can be written to and its disk has room",
            },
          ];
    return [
      ...kept,
      ...[...this.#meters].flatMap(([wan, { quota, usage, state }]) => {
        const most = tightest(quota, usage);
        if (most === undefined || state === "room") return [];
        const code = state === "near" ? "quota-near" : "quota-used-up";
        return [{ code, message: `WAN ${wan}: ${describe(most)} used since ${usage.since}`, remedy: REMEDY }];
      }),
    ];
  }

  /** Counts. To be called once a second; in between it calls itself where a quota may end before. */
  look(): void {
    if (this.#stopped || this.#meters.size === 0) return;
    const { clock, wallClock, counters, deviceOf, identity } = this.#deps;
    const now = clock.now();
    const seconds = (now - this.#lookedAt) / 1000;
    this.#lookedAt = now;
    const all = counters();
    let isChanged = false;
    /** From where a device is counted must be known to whoever comes after us. */
    let isNew = false;
    let soonest = Infinity;
    for (const [wan, meter] of this.#meters) {
      const device = deviceOf(wan);
      const counter = device && all.get(device.name);
      const since = sinceDay(wallClock(), meter.quota.startDay);
      const before = meter.usage;
      if (device !== undefined && counter !== undefined) {
        const life = `${identity}/${device.index}`;
        const seen = { device: device.name, life, rx: counter.bytesIn, tx: counter.bytesOut };
        meter.usage = addCounted(before, seen, since);
        isNew ||= before.seen?.life !== life || before.seen.device !== device.name;
        const moved = meter.usage.rx + meter.usage.tx - before.rx - before.tx;
        // What went before we came says nothing of the rate.
        if (before.seen?.life === life && seconds > 0) this.#peak = Math.max(this.#peak, moved / seconds);
      }
      const most = tightest(meter.quota, meter.usage);
      if (most === undefined) continue;
      isChanged = this.#settle(wan, meter, most) || isChanged;
      soonest = Math.min(soonest, nextLookMs(most, this.#peak));
    }
    this.#cancel?.();
    this.#cancel = clock.after(soonest, () => this.look());
    if (isChanged || isNew || now - this.#wroteAt >= WRITE_EVERY_MS) this.#write();
    if (isChanged) this.#deps.onChange();
  }

  /** Whether the quota stands otherwise than before; then tells of it. */
  #settle(wan: string, meter: Meter, most: Tightest): boolean {
    const state = quotaState(most);
    if (state === meter.state) return false;
    meter.state = state;
    const { log, emit, wallClock } = this.#deps;
    const { action } = meter.quota;
    const fields = { used: most.used, limit: most.limit, of: most.of, action };
    log[state === "room" ? "info" : "warn"]({ wan, ...fields, state }, "quota");
    emit({
      at: wallClock(),
      code: `quota-${state}`,
      severity: state === "room" ? "info" : "warning",
      wan,
      text: `WAN ${wan}: ${describe(most)} used since ${meter.usage.since}`,
      fields,
    });
    return true;
  }

  #read(): readonly KeptUsage[] {
    try {
      return this.#deps.file.read();
    } catch (error) {
      this.#lost(messageOf(error));
      return [];
    }
  }

  /** Nobody knows any more what was used: a person may, from the file or the provider. */
  #lost(why: string): void {
    const { file, log, emit, wallClock } = this.#deps;
    let aside: string | null = null;
    try {
      aside = file.setAside();
    } catch (error) {
      log.error({ why: messageOf(error) }, "the file of the quotas can't be set aside");
    }
    log.error({ why, aside }, "what the quotas have left can't be read: counting anew");
    emit({
      at: wallClock(),
      code: "usage-lost",
      severity: "warning",
      wan: null,
      text: "what was used of the quotas can't be read: counting anew",
      fields: { why, aside },
    });
  }

  #write(): void {
    this.#wroteAt = this.#deps.clock.now();
    if (this.#meters.size === 0) return;
    try {
      this.#deps.file.write([
        ...[...this.#meters].map(([wan, { usage }]) => ({ wan, ...usage })),
        ...this.#others,
      ]);
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = messageOf(error);
    }
  }
}

const REMEDY = "more comes with the next month, or with a larger `quota` in the config";

const NAMES = { tx: "sent", rx: "received", total: "sent and received" } as const;

const describe = ({ of, used, limit }: Tightest): string =>
  `${formatBytes(used)} of ${formatBytes(limit)} ${NAMES[of]}`;

import { availableParallelism } from "node:os";
import { createApi } from "../api/api.ts";
import { listenOnSocket, socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import { TrafficView } from "../api/trafficview.ts";
import type { Clock } from "../base/clock.ts";
import { Closer } from "../base/closer.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import type { RouterConfig } from "../config/router.ts";
import { Ages } from "../control/ages.ts";
import { DataProcess } from "../control/dataprocess.ts";
import { handOverProblems } from "../control/handover.ts";
import type { Kernel } from "../control/kernel.ts";
import type { DataReport, Orders } from "../control/messages.ts";
import { Observer } from "../control/observer.ts";
import { Rates } from "../control/rates.ts";
import { usualWorkers } from "../control/shard.ts";
import { deviceCounters } from "../linux/counters.ts";
import type { KernelMonitor } from "../linux/monitor.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { usablePaths, type WanPath } from "../netplan/paths.ts";
import { planRouter } from "../netplan/plan.ts";
import { bondingProblems } from "./bonding.ts";
import type { Membership } from "./membership.ts";
import { NegativeCache } from "./negativecache.ts";
import { wanIntents, wanOfAddress, wanStatus } from "./wans.ts";

export interface RouterControlDeps {
  readonly config: RouterConfig;
  readonly membership: Membership;
  readonly kernel: Kernel;
  readonly monitor: KernelMonitor;
  /** Addresses of the server's names, as far as they are known now. */
  readonly serverAddresses: readonly string[];
  /** Starts the data process. */
  readonly dataArgv: readonly [string, ...string[]];
  /** Replaces this process by the program as it is installed now; does not return. */
  readonly goOn: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds between looks at the devices' byte counters. */
const COUNT_EVERY_MS = 1000;
/** Time for the answer to the request that asked for it (ms). */
const GO_ON_AFTER_MS = 100;

/** For flows that are there already no carrier need be kept warm: one for each thread is enough. */
const withFewCarriers = (orders: Orders): Orders =>
  orders.role === "router" ? { ...orders, carriers: Math.min(orders.carriers, orders.workers) } : orders;

type Problems = StatusReport["problems"];

/**
 * The router's control process. Whatever happens (a WAN comes or goes, the relay opens or closes, control starts over a
 * crash) ends in the same few lines: observe, plan, apply, tell the data process the ways out.
 */
export class RouterControl {
  readonly #deps: RouterControlDeps;
  readonly #closer = new Closer();
  readonly #view = new TrafficView("in");
  readonly #ages = new Ages();
  readonly #rates = new Rates();
  readonly #startedAt: number;
  readonly #data: DataProcess;
  readonly #negative: NegativeCache;
  readonly #observer: Observer;
  #observed: Observations | undefined;
  #counters = deviceCounters();
  #report: DataReport | undefined;
  /** Where the relay takes connections in; kept while it does not, for it will open there again. */
  #ports: DataReport["intercepting"] = null;
  /** Whether the kernel's rules lead there, so that new connections really are taken in. */
  #led = false;
  #problems: Problems = [];
  /** Adjustments happen one after the other; one that waits serves for all that ask meanwhile. */
  #work: Promise<void> = Promise.resolve();
  #waiting = false;
  /** Whether both the kernel and the data process have been seen: half the picture would tear down what works. */
  #ready = false;

  constructor(deps: RouterControlDeps) {
    const { clock, log, config, kernel, monitor, dataArgv } = deps;
    this.#deps = deps;
    this.#startedAt = clock.now();
    this.#negative = new NegativeCache(kernel.nft, clock, log);
    this.#observer = new Observer({ ip: kernel.ip, monitor, clock, log }, (observed) => {
      this.#observed = observed;
      this.#adjustSoon();
    });
    this.#data = new DataProcess({
      runDirectory: config.directories.run,
      drainLimitMs: config.relay.drain,
      isReady: ({ intercepting }) => intercepting !== null,
      whileWaiting: (orders) => orders,
      whileDraining: withFewCarriers,
      argv: dataArgv,
      clock,
      log,
      onReport: (report) => this.#onReport(report),
      onRefused: ({ target, unreachable }) => this.#negative.add(target, unreachable),
    });
  }

  /** Sets the kernel up, starts (or finds) the data process, answers on the API. A failure takes everything back. */
  async start(): Promise<void> {
    const { config, kernel, clock, log } = this.#deps;
    await this.#closer.unwindOnFailure(async () => {
      const listener = await listenOnSocket(
        createApi({ status: () => this.status(), upgrade: () => this.upgrade(), log }),
        socketPath(config.directories.run),
      );
      this.#closer.add("API", () => listener.close());
      this.#closer.add("kernel state", async () => {
        const { errors } = await kernel.reconciler.clean();
        for (const error of errors) log.error({ code: error.code, why: error.message }, "not taken back");
      });
      this.#closer.add("negative cache", () => this.#negative.stop());
      this.#closer.add("data process", () => this.#data.stop());
      this.#closer.add("adjustments", () => this.#settle());
      this.#observed = await this.#observer.start();
      // First: a data process that runs already must keep the rules that lead to it.
      await this.#data.start();
      this.#ready = true;
      await this.#adjust();
      const cancel = clock.every(COUNT_EVERY_MS, () => this.#count());
      this.#closer.add("counters", cancel);
    });
  }

  async stop(): Promise<void> {
    await this.#closer.close();
  }

  /** Leaves everything as it is to a control process of what is installed now, which is to replace the data process. */
  upgrade(): void {
    this.#data.retire();
    this.#deps.log.info({}, "going on as what is installed now");
    this.#deps.clock.after(GO_ON_AFTER_MS, this.#deps.goOn);
  }

  status(): StatusReport {
    const now = this.#deps.clock.now();
    const data = this.#data.status;
    const { ways } = this.#report ?? {};
    const wans = wanStatus(
      this.#intent(),
      this.#observed,
      this.#counters,
      this.#rates,
      this.#ages,
      now,
      ways,
    );
    const bonding = bondingProblems(this.#report);
    const problems = [...this.#problems, ...this.#troubles(wans), ...bonding];
    return {
      role: "router",
      version: VERSION,
      uptimeMs: now - this.#startedAt,
      state: this.#ages.of("state", this.#stateName(problems), now),
      data: {
        pid: data.pid,
        state: { name: data.state, ageMs: data.ageMs },
        restarts: data.restarts,
        draining: [...data.draining],
      },
      ...this.#view.parts,
      wans,
      memory: {
        rssBytes: process.memoryUsage.rss() + (this.#report?.rssBytes ?? 0),
        bufferedBytes: this.#report?.heldBytes ?? 0,
        bufferLimitBytes: this.#report?.limitBytes ?? 0,
      },
      problems,
    };
  }

  #stateName(problems: Problems): "up" | "degraded" | "down" | "starting" {
    const taking = this.#report?.intercepting != null;
    if (taking && this.#led) return problems.length > 0 ? "degraded" : "up";
    const { state, refusal } = this.#data.status;
    return taking || (state === "starting" && refusal === null) ? "starting" : "down";
  }

  /** What stands between the router and its work right now. */
  #troubles(wans: StatusReport["wans"]): Problems {
    const troubles: Problems = wans
      .filter(({ role, state }) => role !== "off" && state.name === "down")
      .map(({ name, reason }) => ({ code: "wan-down", message: `WAN ${name}: ${reason}`, remedy: null }));
    const direct = this.#deps.config.relay.onFailure === "open" ? "go out directly" : "are refused";
    const { state, refusal } = this.#data.status;
    troubles.push(...handOverProblems(this.#data.status));
    if (refusal !== null) troubles.push({ code: "orders-refused", message: refusal, remedy: null });
    if (this.#report === undefined) {
      const how = state === "starting" ? "is starting" : "is down";
      troubles.push({
        code: "data-down",
        message: `the data process ${how}: new connections ${direct}`,
        remedy: null,
      });
    } else if (this.#report.intercepting === null) {
      const why = this.#report.trouble ?? "no carrier is up yet";
      troubles.push({ code: "no-carrier", message: `new connections ${direct}: ${why}`, remedy: null });
    }
    return troubles;
  }

  #intent(): RouterIntent {
    const { config, serverAddresses } = this.#deps;
    return {
      lan: config.lan.interfaces,
      wans: wanIntents(config),
      relayPorts: { inet: this.#ports?.v4, inet6: this.#ports?.v6 },
      serverAddresses,
      onFailure: config.relay.onFailure,
    };
  }

  /** The ways that can carry now. */
  get #paths(): readonly WanPath[] {
    return this.#observed === undefined ? [] : usablePaths(this.#intent(), this.#observed).paths;
  }

  readonly #wanOf = (address: string): string | null => wanOfAddress(this.#paths, address);

  /** No adjustment runs or begins after this: it would make again what is about to be taken back. */
  async #settle(): Promise<void> {
    this.#ready = false;
    await this.#observer.stop();
    await this.#work;
  }

  #adjustSoon(): void {
    if (this.#waiting || !this.#ready) return;
    this.#waiting = true;
    this.#work = this.#work.then(() => {
      this.#waiting = false;
      return this.#adjust();
    });
  }

  /** Never rejects: what fails is a problem that the status shows, and the next change is another try. */
  async #adjust(): Promise<void> {
    const { kernel, log } = this.#deps;
    if (this.#observed === undefined) return;
    const ports = this.#ports;
    try {
      const plan = planRouter(this.#intent(), this.#observed);
      const { done, errors } = await kernel.reconciler.apply(plan);
      this.#led = ports !== null && ports === this.#ports;
      if (done.length > 0) log.info({ steps: done.length }, "kernel state adjusted");
      for (const error of errors)
        log.error({ code: error.code, why: error.message }, "kernel refused a change");
      this.#problems = [
        ...plan.problems.map(({ code, message }) => ({ code, message, remedy: null })),
        ...errors.map(({ code, message, remedy }) => ({ code, message, remedy: remedy ?? null })),
      ];
    } catch (error) {
      log.error({ why: messageOf(error) }, "kernel state not adjusted");
      this.#problems = [{ code: "not-adjusted", message: messageOf(error), remedy: null }];
    }
    this.#instruct();
  }

  #instruct(): void {
    const { config, membership } = this.#deps;
    const paths = this.#paths;
    const rank = { active: 0, backup: 1, off: 2 } as const;
    this.#data.configure({
      role: "router",
      ...membership,
      endpoints: [...membership.endpoints],
      ways: paths
        .toSorted((a, b) => rank[a.wan.role] - rank[b.wan.role])
        .map(({ wan, address, twin }) => ({
          name: wan.name,
          localAddress: address.address,
          backup: wan.role === "backup",
          ...(twin && { device: wan.device }),
        })),
      workers: config.relay.workers ?? usualWorkers(availableParallelism()),
      carriers: config.relay.carriers,
      maxCarriers: config.relay.maxCarriers,
      graceMs: config.relay.grace,
      ports: this.#ports,
    });
  }

  /** Settles when the kernel leads to where this process takes connections in. */
  #onReport(report: DataReport | undefined): Promise<void> {
    this.#report = report;
    // New connections are for the server's new process, which knows another session.
    if (report?.sessions.some(({ peerLeaves }) => peerLeaves) === true) this.#data.replace();
    this.#view.update(this.#deps.clock.now(), report, this.#wanOf);
    const ports = report?.intercepting ?? this.#ports;
    if (ports?.v4 !== this.#ports?.v4 || ports?.v6 !== this.#ports?.v6) {
      this.#ports = ports;
      this.#led = false;
      this.#adjustSoon();
    }
    return this.#work;
  }

  #count(): void {
    this.#counters = deviceCounters();
    this.#rates.update(this.#deps.clock.now(), this.#counters);
    // States age from when they were first seen: do not wait until somebody asks.
    this.status();
  }
}

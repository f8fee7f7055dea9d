import type { EventsQuery, EventsReport, HistoryQuery, HistoryReport } from "../api/history.ts";
import type { LeasesReport } from "../api/leases.ts";
import type { StatusReport } from "../api/status.ts";
import { TrafficView } from "../api/trafficview.ts";
import type { Clock } from "../base/clock.ts";
import { Closer } from "../base/closer.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import type { RouterConfig } from "../config/router.ts";
import { Ages } from "../control/ages.ts";
import { DataProcess } from "../control/dataprocess.ts";
import { GO_ON_AFTER_MS } from "../control/handover.ts";
import { LanService } from "../control/lanservice.ts";
import type { Kernel } from "../control/kernel.ts";
import type { DataReport } from "../control/messages.ts";
import { observe, Observer } from "../control/observer.ts";
import { Rates } from "../control/rates.ts";
import type { Preview } from "../control/reconciler.ts";
import { deviceCounters } from "../linux/counters.ts";
import { renderDnsmasq } from "../linux/dnsmasq.ts";
import type { Link } from "../linux/iproute.ts";
import { driverOf } from "../linux/ethtool.ts";
import { namespaceIdentity } from "../linux/identity.ts";
import type { KernelMonitor } from "../linux/monitor.ts";
import type { Step } from "../netplan/diff.ts";
import type { DesiredState, Observations, RouterIntent } from "../netplan/model.ts";
import { usablePaths, type WanPath } from "../netplan/paths.ts";
import { planRouter } from "../netplan/plan.ts";
import { UsageFile } from "../store/usagefile.ts";
import { wallTime } from "../wan/schedule.ts";
import { carries, type WanState, type WanStateName } from "../wan/supervisor.ts";
import { withLimits } from "../wan/thresholds.ts";
import { Addressing } from "./addressing.ts";
import { Adjuster } from "./adjuster.ts";
import { bondingProblems } from "./bonding.ts";
import { Chronicle } from "./chronicle.ts";
import { lanProblems, lanServices, leaseFile } from "./lan.ts";
import { routerIntent } from "./intent.ts";
import { EvidenceGatherer } from "./evidence.ts";
import { lossReports } from "./losses.ts";
import type { Membership } from "./membership.ts";
import { Masqueraded } from "./masqueraded.ts";
import { NegativeCache } from "./negativecache.ts";
import { ordersOf, withFewCarriers } from "./orders.ts";
import { Metering, type QuotaEffect } from "./metering.ts";
import { RoleWatch } from "./rolewatch.ts";
import { troublesOf } from "./troubles.ts";
import { wanOfAddress, wanStatus } from "./wans.ts";
import { wanEvent } from "./wanevents.ts";
import { type WanChange, WanSupervisor } from "./wansupervisor.ts";

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
  /** Whether the kernel was brought to a plan at least once, and the ports that the last one led to. */
  #adjusted = false;
  #planned: DataReport["intercepting"] = null;
  readonly #adjuster: Adjuster;
  readonly #wans: WanSupervisor;
  readonly #evidence: EvidenceGatherer;
  readonly #addressing: Addressing;
  readonly #lan: LanService;
  readonly #chronicle: Chronicle;
  readonly #metering: Metering;
  readonly #roles = new RoleWatch();
  readonly #masqueraded: Masqueraded;
  /** Whether both the kernel and the data process have been seen: half the picture would tear down what works. */
  #ready = false;
  /** Whether kernel and data process are to stay as they are at the end. */
  #leaves = false;

  constructor(deps: RouterControlDeps) {
    const { clock, log, config, kernel, monitor, dataArgv } = deps;
    this.#deps = deps;
    this.#startedAt = clock.now();
    this.#negative = new NegativeCache(kernel.nft, clock, log);
    this.#observer = new Observer({ ip: kernel.ip, monitor, clock, log }, (observed) => {
      this.#observed = observed;
      this.#addressing.look(observed);
      this.#serveLan();
      this.#superviseWans();
      this.#adjustSoon();
    });
    this.#adjuster = new Adjuster({
      reconciler: kernel.reconciler,
      log,
      plan: () => this.#plan(),
      onPutBack: (steps) => this.#tellLosses(steps),
      onAdjusted: () => this.#onAdjusted(),
    });
    this.#addressing = new Addressing({
      config,
      clock,
      wallClock: Date.now,
      log,
      driverOf,
      onChange: () => {
        this.#serveLan();
        this.#adjustSoon();
      },
    });
    this.#lan = new LanService({
      runDirectory: config.directories.run,
      leaseFile: leaseFile(config),
      clock,
      log,
    });
    this.#chronicle = new Chronicle(config, clock, log);
    this.#metering = new Metering({
      config,
      file: new UsageFile(config.directories.state),
      identity: namespaceIdentity(),
      deviceOf: (wan) => this.#deviceOf(wan),
      counters: deviceCounters,
      clock,
      wallClock: Date.now,
      log,
      emit: (event) => this.#chronicle.events.emit(event),
      onChange: () => this.#onRolesChange(),
    });
    this.#wans = new WanSupervisor({
      limits: withLimits(config.thresholds),
      clock,
      log,
      ask: () => this.#data.ask(),
      onChange: (changes) => this.#onWanChange(changes),
    });
    this.#masqueraded = new Masqueraded({ conntrack: kernel.conntrack, clock, log });
    this.#evidence = new EvidenceGatherer({
      config,
      neighbours: kernel.neighbours,
      ask: kernel.ask,
      clock,
      doubted: (wan) => this.#wans.doubted(wan),
      onChange: () => this.#superviseWans(),
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

  /**
   * Sets the kernel up, starts (or finds) the data process. A failure takes everything back, but where this control
   * `takesOver` from one that let go of it.
   */
  async start(takesOver = false): Promise<void> {
    const { kernel, clock, log } = this.#deps;
    this.#leaves = takesOver;
    await this.#closer.unwindOnFailure(async () => {
      this.#closer.add("kernel state", async () => {
        if (this.#leaves) return;
        const { errors } = await kernel.reconciler.clean();
        for (const error of errors) log.error({ code: error.code, why: error.message }, "not taken back");
      });
      this.#closer.add("negative cache", () => this.#negative.stop());
      this.#closer.add("data process", () => (this.#leaves ? this.#data.detach() : this.#data.stop()));
      this.#closer.add("adjustments", () => this.#settle());
      this.#closer.add("evidence", () => this.#evidence.stop());
      this.#closer.add("addresses", () => this.#addressing.stop());
      this.#closer.add("LAN services", () => this.#lan.stop());
      this.#closer.add("history", () => this.#chronicle.stop());
      this.#chronicle.start();
      this.#addressing.start();
      this.#observed = await this.#observer.start();
      this.#addressing.look(this.#observed);
      this.#serveLan();
      // First: a data process that runs already must keep the rules that lead to it.
      await this.#data.start();
      // Before the first plan: what is used up is not used again by a restart.
      this.#closer.add("quotas", () => this.#metering.stop());
      this.#metering.start();
      this.#ready = true;
      await this.#adjuster.adjust();
      this.#superviseWans();
      this.#evidence.start();
      const cancel = clock.every(COUNT_EVERY_MS, () => this.#count());
      this.#closer.add("counters", cancel);
    });
    this.#leaves = false;
  }

  /** Ends, and takes everything back. */
  async stop(): Promise<void> {
    await this.#closer.close();
  }

  /** Ends, and leaves kernel and data process as they are: for a control that goes on with another config. */
  async release(): Promise<void> {
    this.#leaves = true;
    await this.#closer.close();
  }

  /** What `config` would change in the kernel as it is now. */
  async preview(config: RouterConfig): Promise<Preview> {
    const { kernel } = this.#deps;
    const observed = this.#observed ?? (await observe(kernel.ip));
    return kernel.reconciler.preview(planRouter(this.#intent(config), observed));
  }

  /** Leaves everything as it is to a control process of what is installed now, which is to replace the data process. */
  upgrade(): void {
    this.#data.retire();
    this.#deps.log.info({}, "going on as what is installed now");
    this.#deps.clock.after(GO_ON_AFTER_MS, () => {
      // What replaces us knows nothing of our children.
      void this.#addressing.stop();
      void this.#lan.stop();
      this.#deps.goOn();
    });
  }

  leases(): LeasesReport {
    return { wans: [...this.#addressing.leases], lan: [...this.#lan.leases()] };
  }

  /** How the WANs fared. */
  history(query: HistoryQuery): HistoryReport {
    return this.#chronicle.history(query);
  }

  /** What happened. */
  eventsOf(query: EventsQuery): EventsReport {
    return this.#chronicle.eventsOf(query);
  }

  status(): StatusReport {
    const now = this.#deps.clock.now();
    const data = this.#data.status;
    const report = this.#report;
    const figures = {
      stateOf: (wan: string) => this.#wans.of(wan),
      quotaOf: (wan: string) => this.#metering.of(wan),
      ways: report?.ways ?? [],
      counters: this.#counters,
      rates: this.#rates,
    };
    const wans = wanStatus(this.#intent(), this.#observed, figures, now);
    const { onFailure } = this.#deps.config.relay;
    const troubles = troublesOf({ wans, data, report, onFailure });
    const problems = [
      ...this.#addressing.problems,
      ...lanProblems(this.#lan.trouble),
      ...this.#adjuster.problems,
      ...troubles,
      ...bondingProblems(report),
      ...this.#chronicle.problems,
      ...this.#metering.problems,
    ];
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

  #intent(config = this.#deps.config): RouterIntent {
    const { serverAddresses } = this.#deps;
    const links = this.#observed?.links ?? [];
    const found = this.#addressing.facts(config, links);
    const stateOf = (wan: string): WanState => this.#wans.of(wan);
    const quotaEffectOf = (wan: string): QuotaEffect => this.#metering.effectOf(wan);
    const time = wallTime(Date.now());
    return routerIntent(config, {
      ports: this.#ports,
      serverAddresses,
      stateOf,
      quotaEffectOf,
      time,
      ...found,
    });
  }

  /** The ways that can carry now. */
  get #paths(): readonly WanPath[] {
    return this.#observed === undefined ? [] : usablePaths(this.#intent(), this.#observed).paths;
  }

  readonly #wanOf = (address: string): string | null => wanOfAddress(this.#paths, address);

  async #settle(): Promise<void> {
    this.#ready = false;
    this.#wans.stop();
    this.#masqueraded.stop();
    await this.#observer.stop();
    await this.#adjuster.stop();
  }

  #adjustSoon(): void {
    if (this.#ready) void this.#adjuster.adjust();
  }

  #plan(): DesiredState | undefined {
    if (this.#observed === undefined) return undefined;
    const plan = planRouter(this.#intent(), this.#observed);
    this.#planned = this.#ports;
    return plan;
  }

  #onAdjusted(): void {
    this.#adjusted = true;
    this.#led = this.#planned !== null && this.#planned === this.#ports;
    this.#instruct();
  }

  #tellLosses(steps: readonly Step[]): void {
    for (const report of lossReports(steps)) {
      this.#deps.log.warn({ code: report.code, ...report.fields }, report.text);
      this.#chronicle.events.emit({ at: Date.now(), wan: null, ...report });
    }
  }

  /** Of the kernel's state only the way of new direct connections follows: nothing that carriers need waits for it. */
  #onWanChange(changes: readonly WanChange[]): void {
    for (const change of changes) this.#masqueraded.look(change);
    this.#adjustSoon();
    // Nobody is told of ways before the kernel leads there.
    if (this.#adjusted) this.#instruct();
    const left = Object.keys(this.#deps.config.wans).some((wan) => carries(this.#wans.of(wan).name));
    for (const change of changes) this.#chronicle.events.emit(wanEvent(change, left, Date.now()));
  }

  #deviceOf(wan: string): Link | undefined {
    const { devices } = this.#addressing.facts(this.#deps.config, this.#observed?.links ?? []);
    return this.#observed?.links.find(({ name }) => name === devices.get(wan));
  }

  #onRolesChange(): void {
    this.#superviseWans();
    this.#adjustSoon();
    if (this.#adjusted) this.#instruct();
  }

  #serveLan(): void {
    if (this.#observed === undefined) return;
    const { config } = this.#deps;
    const { wans } = this.#intent();
    const { leases } = this.#addressing.facts(config, this.#observed.links);
    const facts = { wans, leases, observed: this.#observed, leaseFile: leaseFile(config) };
    this.#lan.want(renderDnsmasq(lanServices(config, facts)));
  }

  #superviseWans(): void {
    const [observed, report, rates] = [this.#observed, this.#report, this.#rates];
    if (observed === undefined || !this.#ready) return;
    const intent = this.#intent();
    this.#evidence.update({ intent, observed, rates });
    this.#wans.look({
      intent,
      observed,
      report,
      rates,
      evidenceOf: (wan) => this.#evidence.of(wan),
      spentOf: (wan) => this.#metering.spent(wan),
    });
  }

  #instruct(): void {
    const { config, membership } = this.#deps;
    const stateOf = (wan: string): WanStateName => this.#wans.of(wan).name;
    const leavesOut = (wan: string): boolean => this.#wans.leavesOut(wan);
    const [paths, ports] = [this.#paths, this.#ports];
    this.#data.configure(ordersOf({ config, membership, paths, stateOf, leavesOut, ports }));
  }

  /** Settles when the kernel leads to where this process takes connections in. */
  #onReport(report: DataReport | undefined): Promise<void> {
    this.#report = report;
    // New connections are for the server's new process, which knows another session.
    if (report?.sessions.some(({ peerLeaves }) => peerLeaves) === true) this.#data.replace();
    this.#view.update(this.#deps.clock.now(), report, this.#wanOf);
    this.#superviseWans();
    const ports = report?.intercepting ?? this.#ports;
    if (ports?.v4 !== this.#ports?.v4 || ports?.v6 !== this.#ports?.v6) {
      this.#ports = ports;
      this.#led = false;
      this.#adjustSoon();
    }
    return this.#adjuster.settled;
  }

  #lookAtRoles(): void {
    const changes = this.#roles.look(this.#intent().wans, Date.now());
    for (const event of changes) this.#chronicle.events.emit(event);
    if (changes.length > 0) this.#onRolesChange();
  }

  #count(): void {
    this.#counters = deviceCounters();
    this.#rates.update(this.#deps.clock.now(), this.#counters);
    this.#metering.look();
    this.#lookAtRoles();
    this.#superviseWans();
    // States age from when they were first seen: do not wait until somebody asks.
    this.#chronicle.look(this.status().wans);
  }
}

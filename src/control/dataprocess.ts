import { rmSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { reap } from "../linux/reap.ts";
import { connectWithin, DataLink, tryConnect } from "./datalink.ts";
import { DataStarter } from "./datastarter.ts";
import type { DataMessage, DataReport, Orders } from "./messages.ts";
import { dataPids, dataSocket } from "./place.ts";

export interface DataProcessOptions {
  /** Where data processes have their sockets. */
  readonly runDirectory: string;
  /** Starts a data process. */
  readonly argv: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly log: Log;
  /** How long one that was replaced may go on with its flows (ms). */
  readonly drainLimitMs: number;
  /** Whether one that has carried out its orders, and reports so, can take what is new. */
  readonly isReady: (report: DataReport) => boolean;
  /** What one is told that has to wait until the one before it takes nothing new in any more; the others get all orders. */
  readonly whileWaiting: (orders: Orders) => Orders;
  /** What one is told that drains. */
  readonly whileDraining: (orders: Orders) => Orders;
  /**
   * A new report of the process that takes what is new is there; also called, with undefined, when there is none. The one
   * before it drains when what is returned settles.
   */
  readonly onReport: (report: DataReport | undefined) => Promise<void> | void;
  readonly onRefused?: (event: Extract<DataMessage, { type: "refused" }>) => void;
}

/** Milliseconds between looks: the data process's answer is cheap, its events make it come at once. */
const REPORT_EVERY_MS = 1000;
/**
 * How long a data process may take to open its socket (ms); one that ends is noticed before. A board with a slow card
 * needs many seconds, and to begin anew makes it no faster.
 */
const START_LIMIT_MS = 60_000;
/** How long one that runs already may take to say what it does (ms). */
const ADOPT_LIMIT_MS = 15_000;
/** Pause before a data process that ended is started again, doubled while it keeps ending at once. */
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10_000;
/** Having lived this long (ms), it did not end at once. */
const RESTART_RESET_MS = 30_000;
/** Pause before a lost link to one that drains is made again (ms). */
const FIND_AGAIN_MS = 1000;
/** How long one that is replaced may take to close its door (ms): a router's lets those in that are coming. */
const CLOSE_LIMIT_MS = 5000;
/** Data processes that drain at a time; beyond it the oldest is ended. Each costs memory, and carriers through every NAT. */
const MAX_DRAINING = 4;

/** `running`: has carried out orders, so that a server listens, for one. */
type State = "starting" | "running" | "stopped";

/** A data process that was replaced. */
export interface DrainingProcess {
  readonly pid: number;
  readonly version: string | null;
  readonly flows: number | null;
  readonly ageMs: number;
  /** How long it may go on; null until it was told. */
  readonly leftMs: number | null;
}

/**
 * Control's view of the data process: finds the one that runs or starts one, tells it the orders, and starts it again
 * when it ends. One of another version, or one that was retired, is replaced: an heir is started beside it, takes what is
 * new as soon as it can, and the old one drains. Letting go of them (`detach`) leaves all running: the next control process
 * finds them, whatever was under way.
 */
export class DataProcess {
  readonly #options: DataProcessOptions;
  readonly #starter: DataStarter;
  #state: State = "starting";
  #since = 0;
  #orders: Orders | undefined;
  /** Who takes what is new. */
  #serving: DataLink | undefined;
  /** Who is to do so next. */
  #heir: DataLink | undefined;
  /** Who did so before, oldest first. */
  readonly #draining = new Set<DataLink>();
  /** Whether one died that nobody told to end, and no other is in its place. */
  #bereft = false;
  #restarts = 0;
  #backoffMs = 0;
  #wanted = false;
  /** Settles when the process that is being started is up, or gone. */
  #launching: Promise<unknown> | undefined;
  readonly #timers = new Set<() => void>();

  constructor(options: DataProcessOptions) {
    this.#options = options;
    this.#starter = new DataStarter(options);
  }

  get status(): {
    readonly pid: number | null;
    readonly state: State;
    readonly ageMs: number;
    /** Times one came up in place of one that had run. */
    readonly restarts: number;
    /** Why its orders could not be carried out; null where they were. */
    readonly refusal: string | null;
    /** The process that is to take its place, and what keeps it from that. */
    readonly heir: { readonly pid: number; readonly ageMs: number; readonly refusal: string | null } | null;
    readonly draining: readonly DrainingProcess[];
  } {
    const ageMs = this.#options.clock.now() - this.#since;
    return {
      pid: this.#serving?.pid ?? null,
      state: this.#state,
      ageMs,
      restarts: this.#restarts,
      refusal: this.#serving?.refusal ?? null,
      heir:
        this.#heir === undefined
          ? null
          : { pid: this.#heir.pid, ageMs: this.#heir.ageMs, refusal: this.#heir.refusal },
      draining: [...this.#draining].map(describe),
    };
  }

  /**
   * Takes over the processes that run already, and settles when they have said what they do; where none is ours to go on
   * with, starts one behind the caller's back. It is started again whenever it ends. Rejects with `data-silent` where
   * one is there that does not answer.
   */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#every(REPORT_EVERY_MS, () => {
      for (const link of this.#links) link.ask();
    });
    await this.#adopt();
    this.#ensure();
  }

  /** What the process is to do; told at once, and again to every new one. */
  configure(orders: Orders): void {
    if (isDeepStrictEqual(orders, this.#orders)) return;
    this.#orders = orders;
    for (const link of this.#links) this.#instruct(link);
  }

  /** Asks for a report out of turn. */
  ask(): void {
    this.#serving?.ask();
  }

  /** Marks the process as one to be replaced, by this control process (`replace`) or by the next one. */
  retire(): void {
    if (this.#heir === undefined && this.#serving?.isOutdated === false) this.#serving.retire();
  }

  /** Lets another take its place. */
  replace(): void {
    this.retire();
    this.#ensure();
  }

  /** Lets go of the processes, which run on. */
  detach(): void {
    this.#rest();
    for (const link of this.#links) link.close();
  }

  /** Ends the processes; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#rest();
    await this.#launching;
    await Promise.all([...this.#links].map(({ pid }) => this.#starter.end(pid)));
    await this.#starter.endAll();
  }

  #rest(): void {
    this.#wanted = false;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  get #links(): ReadonlySet<DataLink> {
    const all = [this.#serving, this.#heir, ...this.#draining];
    return new Set(all.filter((link) => link !== undefined));
  }

  #instruct(link: DataLink): void {
    const { whileDraining, whileWaiting } = this.#options;
    if (this.#orders === undefined) return;
    if (this.#draining.has(link)) link.configure(whileDraining(this.#orders));
    else link.configure(link === this.#heir ? whileWaiting(this.#orders) : this.#orders);
  }

  #enter(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = this.#options.clock.now();
  }

  /** Takes over what runs. However the control process before us ended, every one says itself what it was told. */
  async #adopt(): Promise<void> {
    const { runDirectory, clock } = this.#options;
    const found = await Promise.all(dataPids(runDirectory).map((pid) => this.#connect(pid)));
    const links = found.filter((link) => link !== undefined);
    const limit = Promise.withResolvers<void>();
    const cancel = clock.after(ADOPT_LIMIT_MS, () =>
      limit.reject(new SennitError("kernel", "data-silent", "the data process does not answer")),
    );
    await Promise.race([limit.promise, Promise.all(links.map(({ known }) => known))]).finally(cancel);
    const senseless = links.filter(({ closed }) => closed);
    this.#bereft = senseless.length > 0;
    await Promise.all(senseless.map(({ pid }) => this.#starter.end(pid)));
    this.#sortOut(links.filter(({ closed }) => !closed));
  }

  /** Of several that take what is new, the youngest that is outdated goes on until the youngest that is not can. */
  #sortOut(links: readonly DataLink[]): void {
    const { log, drainLimitMs } = this.#options;
    const active = links.filter(({ phase }) => phase !== "draining").sort((a, b) => a.ageMs - b.ageMs);
    const fresh = active.find(({ isOutdated }) => !isOutdated);
    const old = active.find(({ isOutdated, phase }) => isOutdated && phase !== "new");
    this.#serving = old ?? fresh;
    this.#heir = old === undefined ? undefined : fresh;
    for (const link of links) {
      log.info({ pid: link.pid, phase: link.phase }, "found a data process that runs already");
      if (link === this.#serving || link === this.#heir) continue;
      this.#draining.add(link);
      if (link.phase === "new") link.stop();
      else if (link.phase !== "draining") void link.drain(drainLimitMs);
    }
    for (const link of this.#links) this.#instruct(link);
    const report = this.#serving?.report;
    if (this.#serving !== undefined && this.#serving.phase !== "new") this.#enter("running");
    if (report !== undefined) void this.#options.onReport(report);
  }

  /** Starts a process where none is ours to go on with. */
  #ensure(lost?: DataLink): void {
    const isFresh = this.#serving !== undefined && !this.#serving.isOutdated;
    if (!this.#wanted || isFresh || this.#heir !== undefined || this.#launching !== undefined) return;
    const { clock, log } = this.#options;
    if (this.#serving === undefined) this.#enter("starting");
    this.#launching = this.#bringUp(lost)
      .catch((error: unknown) => {
        if (!this.#wanted) return;
        log.error({ why: messageOf(error) }, "data process not started");
        if (this.#serving === undefined) this.#enter("stopped");
        this.#restart(clock.now());
      })
      .finally(() => (this.#launching = undefined));
  }

  /** A lost link is no lost process: the one that runs on is found again. */
  async #bringUp(lost: DataLink | undefined): Promise<void> {
    // One that broke off before it said anything useful would do so again.
    if (lost?.report !== undefined) {
      const found = await this.#connect(lost.pid);
      if (found !== undefined) {
        this.#bereft = false;
        this.#use(found);
        return;
      }
    }
    if (lost !== undefined) await this.#starter.end(lost.pid);
    if (!this.#wanted) return;
    const pid = await this.#starter.start();
    const socket = await connectWithin(dataSocket(this.#options.runDirectory, pid), {
      limitMs: START_LIMIT_MS,
      clock: this.#options.clock,
      giveUp: () => !this.#wanted || !this.#starter.runs(pid),
    });
    if (socket === undefined) {
      await this.#starter.end(pid);
      throw new SennitError(
        "kernel",
        "data-not-started",
        "the data process did not come up; its log says why",
      );
    }
    if (this.#bereft) this.#restarts++;
    this.#bereft = false;
    this.#use(this.#link(pid, socket));
  }

  #use(link: DataLink): void {
    if (this.#serving === undefined) this.#serving = link;
    else this.#heir = link;
    this.#instruct(link);
  }

  /** A link to the process with that pid; undefined where none listens, and then its socket is taken away. */
  async #connect(pid: number): Promise<DataLink | undefined> {
    const path = dataSocket(this.#options.runDirectory, pid);
    const socket = await tryConnect(path);
    if (socket !== undefined) return this.#link(pid, socket);
    rmSync(path, { force: true });
    if (!this.#starter.runs(pid)) reap(pid);
    return undefined;
  }

  #link(pid: number, socket: NonNullable<Awaited<ReturnType<typeof tryConnect>>>): DataLink {
    const { clock, log } = this.#options;
    return new DataLink(socket, {
      pid,
      clock,
      log,
      onReport: (link, report) => this.#onReport(link, report),
      onConfigured: (link) => {
        if (link === this.#serving && link.refusal === null) this.#enter("running");
      },
      onRefused: (event) => this.#options.onRefused?.(event),
      onClosed: (link) => this.#onClosed(link),
    });
  }

  #onReport(link: DataLink, report: DataReport): void {
    if (link === this.#heir && link.phase === "serving" && this.#options.isReady(report))
      void this.#succeed(link, report);
    else if (link === this.#serving) void this.#options.onReport(report);
  }

  /**
   * The heir takes what is new from now on, and the one before it drains: after the heir where both can be open at a time
   * (a router's, each on a port of its own), else before.
   */
  async #succeed(heir: DataLink, report: DataReport): Promise<void> {
    const { clock, log, drainLimitMs } = this.#options;
    const old = this.#serving;
    this.#serving = heir;
    this.#heir = undefined;
    this.#enter("running");
    if (old !== undefined) this.#draining.add(old);
    log.info({ pid: heir.pid, before: old?.pid }, "a new data process takes over");
    await this.#options.onReport(report);
    if (old?.closed === false) {
      const isClosed = old.drain(drainLimitMs);
      this.#instruct(old);
      const limit = Promise.withResolvers<void>();
      const cancel = clock.after(CLOSE_LIMIT_MS, limit.resolve);
      await Promise.race([isClosed, limit.promise]).finally(cancel);
    }
    if (!heir.closed) this.#instruct(heir);
    const [oldest] = this.#draining;
    if (this.#draining.size > MAX_DRAINING) oldest?.stop();
  }

  #onClosed(link: DataLink): void {
    if (this.#draining.delete(link)) {
      this.#findAgain(link);
      return;
    }
    const wasServing = link === this.#serving;
    if (!wasServing && link !== this.#heir) return;
    if (wasServing) this.#serving = this.#heir;
    this.#heir = undefined;
    if (wasServing && this.#serving === undefined) {
      this.#enter("stopped");
      void this.#options.onReport(undefined);
    }
    if (!this.#wanted) return;
    if (link.isOutdated) this.#findAgain(link);
    else this.#bereft = true;
    this.#restart(link.startedAt, link.isOutdated ? undefined : link);
  }

  /** One that drains has most likely ended; where only the link was lost, it is told again. */
  #findAgain(lost: DataLink): void {
    if (!this.#wanted || lost.version === null) return;
    this.#after(FIND_AGAIN_MS, async () => {
      const link = await this.#connect(lost.pid);
      if (link === undefined) return;
      this.#draining.add(link);
      await link.known;
      if (link.phase !== "draining") void link.drain(this.#options.drainLimitMs);
      this.#instruct(link);
    });
  }

  #restart(startedAt: number, lost?: DataLink): void {
    const lived = this.#options.clock.now() - startedAt;
    this.#backoffMs = lived > RESTART_RESET_MS ? 0 : Math.min(RESTART_MAX_MS, this.#backoffMs * 2);
    this.#backoffMs = Math.max(RESTART_FIRST_MS, this.#backoffMs);
    this.#after(this.#backoffMs, () => this.#ensure(lost));
  }

  #after(ms: number, run: () => Promise<void> | void): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(cancel);
      void run();
    });
    this.#timers.add(cancel);
  }

  #every(ms: number, run: () => void): void {
    this.#timers.add(this.#options.clock.every(ms, run));
  }
}

function describe({ pid, version, report, ageMs, drainLeftMs }: DataLink): DrainingProcess {
  const flows = report?.sessions.reduce((sum, session) => sum + session.flows, 0) ?? null;
  return { pid, version, flows, ageMs, leftMs: drainLeftMs };
}

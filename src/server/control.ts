import { availableParallelism } from "node:os";
import { createApi } from "../api/api.ts";
import { listenOnSocket, socketPath } from "../api/listen.ts";
import type { InviteRequest } from "../api/invite.ts";
import type { StatusReport } from "../api/status.ts";
import { TrafficView } from "../api/trafficview.ts";
import type { Clock } from "../base/clock.ts";
import { Closer } from "../base/closer.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import type { ServerConfig } from "../config/server.ts";
import { Ages } from "../control/ages.ts";
import { DataProcess } from "../control/dataprocess.ts";
import { GO_ON_AFTER_MS, handOverProblems } from "../control/handover.ts";
import type { Kernel } from "../control/kernel.ts";
import type { DataReport } from "../control/messages.ts";
import { usualWorkers } from "../control/shard.ts";
import { planServer } from "../netplan/plan.ts";
import type { GuestBook } from "./guests.ts";

export interface ServerControlDeps {
  readonly config: ServerConfig;
  readonly kernel: Kernel;
  readonly guests: GuestBook;
  /** Starts the data process. */
  readonly dataArgv: readonly [string, ...string[]];
  /** Replaces this process by the program as it is installed now; does not return. */
  readonly goOn: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The server's control process: guest list, kernel settings, API. Traffic does not pass here. */
export class ServerControl {
  readonly #deps: ServerControlDeps;
  readonly #closer = new Closer();
  readonly #view = new TrafficView("out");
  readonly #ages = new Ages();
  readonly #startedAt: number;
  readonly #data: DataProcess;
  #report: DataReport | undefined;
  #problems: StatusReport["problems"] = [];
  /** Changes of the guest list happen one after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(deps: ServerControlDeps) {
    const { clock, log, config, dataArgv } = deps;
    this.#deps = deps;
    this.#startedAt = clock.now();
    this.#data = new DataProcess({
      runDirectory: config.directories.run,
      drainLimitMs: config.relay.drain,
      isReady: () => true,
      // Or a router would find, instead of its session, a process that knows nothing of it.
      whileWaiting: (orders) => (orders.role === "server" ? { ...orders, listen: [] } : orders),
      whileDraining: (orders) => orders,
      argv: dataArgv,
      clock,
      log,
      onReport: (report) => this.#onReport(report),
    });
  }

  /** Sets the kernel up, starts (or finds) the data process, answers on the API. A failure takes everything back. */
  async start(): Promise<void> {
    const { config, kernel, log } = this.#deps;
    await this.#closer.unwindOnFailure(async () => {
      const api = createApi({
        status: () => this.status(),
        upgrade: () => this.upgrade(),
        invite: (request) => this.#invite(request),
        log,
      });
      const listener = await listenOnSocket(api, socketPath(config.directories.run));
      this.#closer.add("API", () => listener.close());
      this.#closer.add("kernel settings", async () => {
        const { errors } = await kernel.reconciler.clean();
        for (const error of errors) log.error({ code: error.code, why: error.message }, "not taken back");
      });
      const { errors } = await kernel.reconciler.apply(planServer(this.#deps.config.mptcp));
      this.#problems = errors.map(({ code, message, remedy }) => ({ code, message, remedy: remedy ?? null }));
      this.#closer.add("data process", () => this.#data.stop());
      await this.#data.start();
      await this.#instruct();
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
    const problems = [...this.#problems, ...troubles(data), ...handOverProblems(data)];
    return {
      role: "server",
      version: VERSION,
      uptimeMs: now - this.#startedAt,
      state: this.#ages.of("state", stateName(data, problems), now),
      data: {
        pid: data.pid,
        state: { name: data.state, ageMs: data.ageMs },
        restarts: data.restarts,
        draining: [...data.draining],
      },
      ...this.#view.parts,
      wans: [],
      memory: {
        rssBytes: process.memoryUsage.rss() + (this.#report?.rssBytes ?? 0),
        bufferedBytes: this.#report?.heldBytes ?? 0,
        bufferLimitBytes: this.#report?.limitBytes ?? 0,
      },
      problems,
    };
  }

  async #invite(request: InviteRequest) {
    const invite = await this.#inTurn(() => this.#deps.guests.invite(request));
    await this.#instruct();
    return invite;
  }

  /** Tells the data process who may come in, and everything else. */
  async #instruct(): Promise<void> {
    const { config, guests } = this.#deps;
    const [identity, { routers, invites }] = await this.#inTurn(() =>
      Promise.all([guests.identity(), guests.guests()]),
    );
    this.#data.configure({
      role: "server",
      key: identity.keyPem,
      certificate: identity.certificatePem,
      listen: config.listen.addresses.map((address) => ({ address, port: config.listen.port })),
      workers: config.relay.workers ?? usualWorkers(availableParallelism()),
      graceMs: config.relay.grace,
      graceBytes: config.relay.graceMemory,
      allowPrivate: config.egress.allowPrivate,
      routers: [...routers],
      invites: [...invites],
    });
  }

  #onReport(report: DataReport | undefined): void {
    this.#report = report;
    this.#view.update(this.#deps.clock.now(), report, () => null);
    // States age from when they were first seen: do not wait until somebody asks.
    this.status();
    const enrolments = report?.enrolments ?? [];
    if (enrolments.length > 0) void this.#enrol(enrolments);
  }

  async #enrol(enrolments: DataReport["enrolments"]): Promise<void> {
    const { guests, log } = this.#deps;
    try {
      if (!(await this.#inTurn(() => guests.enrol(enrolments)))) return;
      for (const { router } of enrolments) log.info({ router: router.name, id: router.id }, "router joined");
      await this.#instruct();
    } catch (error) {
      log.error(
        { why: messageOf(error) },
        "routers that joined could not be remembered; tried again in a second",
      );
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#work.then(run);
    this.#work = result.catch(() => undefined);
    return result;
  }
}

/** What keeps the data process from serving routers. */
function stateName(
  { state, refusal }: DataProcess["status"],
  problems: StatusReport["problems"],
): StatusReport["state"]["name"] {
  if (state === "running" && refusal === null) return problems.length > 0 ? "degraded" : "up";
  return state === "starting" && refusal === null ? "starting" : "down";
}

function troubles({ state, refusal }: DataProcess["status"]): StatusReport["problems"] {
  if (state === "stopped") return [{ code: "data-down", message: "the data process is down", remedy: null }];
  if (refusal === null) return [];
  return [
    { code: "not-listening", message: refusal, remedy: "another program may have the port: see `ss -tlnp`" },
  ];
}

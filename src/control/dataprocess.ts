import { connect, type Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { start, type Child } from "../linux/process.ts";
import { JsonLines } from "./jsonlines.ts";
import {
  dataMessage,
  type DataMessage,
  type DataReport,
  type OrderMessage,
  type Orders,
} from "./messages.ts";

export interface DataProcessOptions {
  /** Unix socket of the data process. */
  readonly socket: string;
  /** Starts the data process. */
  readonly argv: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly log: Log;
  /** A new report is there; also called, with undefined, when the process is gone. */
  readonly onReport: (report: DataReport | undefined) => void;
  readonly onRefused?: (event: Extract<DataMessage, { type: "refused" }>) => void;
}

/** Milliseconds between looks: the data process's answer is cheap, its events make it come at once. */
const REPORT_EVERY_MS = 1000;
/** How long a data process may take to open its socket (ms); a board with a slow card needs seconds. */
const START_LIMIT_MS = 15_000;
/** Orders that could not be carried out are tried again after this long (ms). */
const RETRY_ORDERS_MS = 2000;
const CONNECT_RETRY_MS = 50;
/** Pause before a data process that ended is started again, doubled while it keeps ending at once. */
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10_000;
/** Having lived this long (ms), it did not end at once. */
const RESTART_RESET_MS = 30_000;
/** How long it may take to end in good order (ms). */
const STOP_LIMIT_MS = 3000;

/** `running`: has carried out orders, so that a server listens, for one. */
type State = "starting" | "running" | "stopped";

/**
 * Control's view of the data process: finds the one that runs or starts one, tells it the orders, and starts it again
 * when it ends. Letting go of it (`detach`) leaves it running: the next control process finds it.
 */
export class DataProcess {
  readonly #options: DataProcessOptions;
  #state: State = "starting";
  #since = 0;
  #orders: Orders | undefined;
  #link: JsonLines | undefined;
  #socket: Socket | undefined;
  /** The process that was started last, which may have ended. */
  #child: Child | undefined;
  #pid: number | null = null;
  /** Whether the process behind the last link has brought a report. */
  #reported = false;
  /** Whether there was one that nobody told to end. */
  #ran = false;
  #restarts = 0;
  #backoffMs = 0;
  #wanted = false;
  /** Settles when the process that is being started is up, or gone. */
  #launching: Promise<unknown> = Promise.resolve();
  /** Settles with the first report. */
  readonly #known = Promise.withResolvers<void>();
  /** Why the last orders could not be carried out; null where they were. */
  #refusal: string | null = null;
  #cancelRetry: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelReports: (() => void) | undefined;

  constructor(options: DataProcessOptions) {
    this.#options = options;
  }

  get status(): {
    readonly pid: number | null;
    readonly state: State;
    readonly ageMs: number;
    /** Times one came up in place of one that had run. */
    readonly restarts: number;
    /** Why its orders could not be carried out; null where they were. */
    readonly refusal: string | null;
  } {
    const ageMs = this.#options.clock.now() - this.#since;
    const [pid, state, restarts, refusal] = [this.#pid, this.#state, this.#restarts, this.#refusal];
    return { pid, state, ageMs, restarts, refusal };
  }

  /**
   * Takes over the process that runs already, and settles when it has said what it does; where there is none, starts one
   * behind the caller's back. Either is started again whenever it ends. Rejects with `data-silent` where one is there
   * that does not answer.
   */
  async start(): Promise<void> {
    this.#wanted = true;
    const { clock } = this.#options;
    this.#cancelReports = clock.every(REPORT_EVERY_MS, () => this.#link?.send({ type: "report?" }));
    if (!(await this.#adopt())) {
      this.#launch();
      return;
    }
    const cancel = clock.after(START_LIMIT_MS, () =>
      this.#known.reject(new SennitError("kernel", "data-silent", "the data process does not answer")),
    );
    await this.#known.promise.finally(cancel);
  }

  /** What the process is to do; told at once, and again to every new one. */
  configure(orders: Orders): void {
    if (isDeepStrictEqual(orders, this.#orders)) return;
    this.#orders = orders;
    this.#send({ type: "configure", orders });
  }

  /** Lets go of the process, which runs on. */
  detach(): void {
    this.#wanted = false;
    this.#cancelTimer?.();
    this.#cancelRetry?.();
    this.#cancelReports?.();
    this.#socket?.destroy();
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelTimer?.();
    this.#cancelRetry?.();
    this.#cancelReports?.();
    await this.#launching;
    await this.#end();
  }

  #send(message: OrderMessage): void {
    this.#link?.send(message);
  }

  #enter(state: State): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = this.#options.clock.now();
  }

  /** Takes over a process that runs already; one of another version is replaced. */
  async #adopt(): Promise<boolean> {
    const socket = await tryConnect(this.#options.socket);
    if (socket === undefined) return false;
    this.#options.log.info({}, "found a data process that runs already");
    this.#use(socket);
    return true;
  }

  /** Brings a process up, and tries again later where that fails. */
  #launch(): void {
    const { clock, log } = this.#options;
    this.#launching = this.#bringUp().catch((error: unknown) => {
      if (!this.#wanted) return;
      log.error({ why: messageOf(error) }, "data process not started");
      this.#enter("stopped");
      this.#restart(clock.now());
    });
  }

  /** A lost link is no lost process: the one that runs on is found again. There is never a second one beside it. */
  async #bringUp(): Promise<void> {
    this.#enter("starting");
    // One that broke off before it said anything useful would do so again.
    if (this.#reported && (await this.#adopt())) return;
    await this.#end();
    if (this.#wanted) await this.#startChild();
  }

  /** Ends the process that listens, and the one that was started last where that is another; resolves when both are gone. */
  async #end(): Promise<void> {
    const { clock, socket } = this.#options;
    await stopDataProcess(socket, clock);
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const cancel = clock.after(STOP_LIMIT_MS, () => child.kill("SIGKILL"));
    await child.exited;
    cancel();
  }

  async #startChild(): Promise<void> {
    const { argv, clock, log, socket } = this.#options;
    const child: Child = await start(argv, { life: "free", stdio: ["ignore", "ignore", "inherit"] });
    this.#child = child;
    let ended = false;
    const watch = async (): Promise<void> => {
      const { code, signal } = await child.exited;
      ended = true;
      if (this.#wanted) log.warn({ pid: child.pid, code, signal }, "data process ended");
    };
    void watch();
    const link = await connectWithin(socket, START_LIMIT_MS, clock, () => ended || !this.#wanted);
    if (link === undefined) {
      child.kill("SIGKILL");
      throw new SennitError(
        "kernel",
        "data-not-started",
        "the data process did not come up; its log says why",
      );
    }
    if (this.#ran) this.#restarts++;
    this.#use(link);
  }

  #use(socket: Socket): void {
    const startedAt = this.#options.clock.now();
    this.#socket = socket;
    this.#reported = false;
    this.#ran = true;
    const link = new JsonLines(socket, (value) => this.#onMessage(dataMessage.parse(value)));
    this.#link = link;
    socket.on("error", (error) =>
      this.#options.log.warn({ why: messageOf(error) }, "link to the data process broke"),
    );
    socket.on("close", () => {
      if (this.#link !== link) return;
      this.#link = undefined;
      this.#pid = null;
      this.#enter("stopped");
      this.#options.onReport(undefined);
      if (this.#wanted) this.#restart(startedAt);
    });
  }

  #onMessage(message: DataMessage): void {
    switch (message.type) {
      case "hello":
        this.#pid = message.pid;
        if (message.version !== VERSION) {
          this.#options.log.info(
            { theirs: message.version, ours: VERSION },
            "replacing an older data process",
          );
          this.#ran = false;
          this.#send({ type: "stop" });
        } else if (this.#orders !== undefined) this.#send({ type: "configure", orders: this.#orders });
        this.#send({ type: "report?" });
        return;
      case "changed":
        this.#send({ type: "report?" });
        return;
      case "configured":
        this.#onConfigured(message.error);
        return;
      case "report":
        this.#reported = true;
        this.#options.onReport(message.report);
        this.#known.resolve();
        return;
      case "refused":
        this.#options.onRefused?.(message);
    }
  }

  /** What the orders want may be taken (a port, for one) and free again later. */
  #onConfigured(error: string | null): void {
    this.#refusal = error;
    if (error === null) {
      this.#enter("running");
      return;
    }
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(RETRY_ORDERS_MS, () => {
      if (this.#orders !== undefined) this.#send({ type: "configure", orders: this.#orders });
    });
  }

  #restart(startedAt: number): void {
    const { clock } = this.#options;
    const lived = clock.now() - startedAt;
    this.#backoffMs = lived > RESTART_RESET_MS ? 0 : Math.min(RESTART_MAX_MS, this.#backoffMs * 2);
    this.#backoffMs = Math.max(RESTART_FIRST_MS, this.#backoffMs);
    this.#cancelTimer = clock.after(this.#backoffMs, () => this.#launch());
  }
}

/** Ends the data process behind `socket`, by force where it does not end by itself; true when there was one. */
export async function stopDataProcess(socket: string, clock: Clock): Promise<boolean> {
  const connection = await tryConnect(socket);
  if (connection === undefined) return false;
  let pid: number | undefined;
  const link = new JsonLines(connection, (value) => {
    const message = dataMessage.parse(value);
    if (message.type === "hello") pid = message.pid;
  });
  link.send({ type: "stop" });
  await new Promise<void>((resolve) => {
    const cancel = clock.after(STOP_LIMIT_MS, () => {
      if (pid !== undefined) kill(pid);
      else link.close();
    });
    connection.on("close", () => {
      cancel();
      resolve();
    });
  });
  return true;
}

/** Ends a process that may have ended meanwhile. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Its socket, or undefined where nobody listens. */
function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

async function connectWithin(
  path: string,
  limitMs: number,
  clock: Clock,
  giveUp: () => boolean,
): Promise<Socket | undefined> {
  const end = clock.now() + limitMs;
  while (clock.now() < end && !giveUp()) {
    const socket = await tryConnect(path);
    if (socket !== undefined) return socket;
    await new Promise<void>((resolve) => clock.after(CONNECT_RETRY_MS, resolve));
  }
  return undefined;
}

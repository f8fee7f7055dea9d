import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { start, type Child } from "../linux/process.ts";
import { tryConnect } from "./datalink.ts";
import { JsonLines } from "./jsonlines.ts";
import { dataPids, dataSocket } from "./place.ts";

/** How long a data process may take to end in good order (ms). */
const STOP_LIMIT_MS = 3000;

export interface DataStarterOptions {
  readonly runDirectory: string;
  readonly argv: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly log: Log;
}

/** Starts data processes, and ends them: its own, and those that an earlier control process started. */
export class DataStarter {
  readonly #options: DataStarterOptions;
  /** Those that were started here and have not ended. */
  readonly #children = new Map<number, Child>();

  constructor(options: DataStarterOptions) {
    this.#options = options;
  }

  /** Starts one; its pid. Rejects with `exec-missing` or `exec-failed`. */
  async start(): Promise<number> {
    const { argv, log } = this.#options;
    const child = await start(argv, { life: "free", stdio: ["ignore", "ignore", "inherit"] });
    const { pid } = child;
    this.#children.set(pid, child);
    const watch = async (): Promise<void> => {
      const { code, signal } = await child.exited;
      this.#children.delete(pid);
      if (code === 0) log.info({ pid }, "data process ended");
      else log.warn({ pid, code, signal }, "data process ended");
    };
    void watch();
    return pid;
  }

  /** Whether one that was started here has not ended. */
  runs(pid: number): boolean {
    return this.#children.has(pid);
  }

  /** Ends the process with that pid, by force where it does not end by itself; resolves when it is gone. */
  async end(pid: number): Promise<void> {
    const { clock, runDirectory } = this.#options;
    await stopDataProcess(dataSocket(runDirectory, pid), pid, clock);
    const child = this.#children.get(pid);
    if (child === undefined) return;
    child.kill("SIGTERM");
    const cancel = clock.after(STOP_LIMIT_MS, () => child.kill("SIGKILL"));
    await child.exited;
    cancel();
  }

  /** Ends whatever was started here. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((pid) => this.end(pid)));
  }
}

/** Ends the data process `pid` behind `socket`, by force where it does not end by itself; true when there was one. */
async function stopDataProcess(socket: string, pid: number, clock: Clock): Promise<boolean> {
  const connection = await tryConnect(socket);
  if (connection === undefined) return false;
  new JsonLines(connection, () => undefined).send({ type: "stop" });
  await new Promise<void>((resolve) => {
    const cancel = clock.after(STOP_LIMIT_MS, () => {
      kill(pid);
      connection.destroy();
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

/** Ends all data processes that have a socket in `runDirectory`; how many there were. */
export async function stopDataProcesses(runDirectory: string, clock: Clock): Promise<number> {
  const stopped = await Promise.all(
    dataPids(runDirectory).map((pid) => stopDataProcess(dataSocket(runDirectory, pid), pid, clock)),
  );
  return stopped.filter(Boolean).length;
}

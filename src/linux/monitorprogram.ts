import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import { Lines } from "../base/lines.ts";
import type { Log } from "../base/log.ts";
import { start as startProgram, type Child } from "./process.ts";

/** A program that prints what a netlink multicast group tells, for as long as it runs. */
export interface MonitorProgram {
  readonly argv: readonly [string, ...string[]];
  /** NETLINK_ROUTE or NETLINK_NETFILTER (linux/netlink.h). */
  readonly netlinkProtocol: 0 | 12;
  /** Whether this line may be about something that we want to know of. */
  readonly concerns: (line: string) => boolean;
}

export interface MonitorRunOptions {
  /** Network namespace (`/run/netns/NAME`), or our own. */
  readonly netns?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Something has changed, or may have while nobody listened. */
  readonly onNews: () => void;
}

/** Before one that ended is started again, so that one that cannot run does not eat the processor (ms). */
const RESTART_DELAY_MS = 1_000;
/** A program on a busy small board may take a second to start. */
const READY_TIMEOUT_MS = 5_000;
const READY_POLL_MS = 2;

/** Keeps a monitor program running, and hears it. */
export class MonitorRun {
  readonly #program: MonitorProgram;
  readonly #options: MonitorRunOptions;
  #child: Child | undefined;
  #cancelRestart: (() => void) | undefined;
  #stopped = false;

  constructor(program: MonitorProgram, options: MonitorRunOptions) {
    this.#program = program;
    this.#options = options;
  }

  /** Listening when it resolves. Fails with `monitor-failed`, or where there is no such program. */
  async start(): Promise<void> {
    const { netns, onNews } = this.#options;
    const { argv, concerns, netlinkProtocol } = this.#program;
    const child = await startProgram(argv, {
      life: "tied",
      stdio: ["ignore", "pipe", "pipe"],
      ...(netns !== undefined && { netns }),
    });
    if (this.#stopped) return void child.kill("SIGKILL");
    this.#child = child;
    const lines = new Lines((line) => {
      if (concerns(line)) onNews();
    });
    child.stdout?.on("data", (chunk: Buffer) => lines.take(chunk));
    // Its complaints count: "No buffer space available" means that events were lost.
    child.stderr?.on("data", onNews);
    void child.exited.then((exit) => this.#restartLater({ exit }));
    await untilListening(child, netlinkProtocol, argv[0]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart?.();
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  #restartLater(why: object): void {
    this.#child = undefined;
    // One that ends before it listens is told of twice: by its end, and by the start that failed.
    if (this.#stopped || this.#cancelRestart !== undefined) return;
    const { clock, log, onNews } = this.#options;
    this.#cancelRestart = clock.after(RESTART_DELAY_MS, () => {
      this.#cancelRestart = undefined;
      // Not sooner: a signal that ends us all ends the monitor first.
      log.warn({ ...why, program: this.#program.argv[0] }, "a monitor ended, starting it again");
      this.start().then(
        // Whatever happened while nobody listened is told now that somebody does.
        onNews,
        (error: unknown) => {
          // One that started and then failed comes back by its end.
          if (this.#child === undefined) this.#restartLater({ error: messageOf(error) });
        },
      );
    });
  }
}

/** Waits until the program has joined its multicast groups, which /proc/net/netlink shows. */
async function untilListening(child: Child, protocol: number, name: string): Promise<void> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (const deadline = Date.now() + READY_TIMEOUT_MS; !isListening(child.pid, protocol);) {
    if (ended || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new SennitError("kernel", "monitor-failed", `${name} monitor does not listen`);
    }
    await sleep(READY_POLL_MS);
  }
}

/** Columns of /proc/net/netlink: sk, Eth (protocol), Pid, Groups (a mask in hexadecimal), ... */
function isListening(pid: number, protocol: number): boolean {
  let table: string;
  try {
    table = readFileSync(`/proc/${pid}/net/netlink`, "utf8");
  } catch {
    return false;
  }
  return table.split("\n").some((line) => {
    const [, is, owner, groups] = line.trim().split(/\s+/);
    return is === String(protocol) && owner === String(pid) && groups !== "00000000";
  });
}

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { start as startProgram, type Child } from "./process.ts";

/** Says that links, addresses, routes or rules of a network namespace have changed: not what, so nothing can be missed by misreading. */
export interface KernelMonitor {
  /** Listening when it resolves: a change made after that is told. Changes that come together are told once. */
  start(onChange: () => void): Promise<void>;
  stop(): Promise<void>;
}

export interface MonitorOptions {
  /** Network namespace (`/run/netns/NAME`), or our own. */
  readonly netns?: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A link that goes down takes its routes with it within a millisecond or two: told as one change. */
const SETTLE_MS = 20;
/** Before a monitor that ended is started again, so that one that cannot run does not eat the processor. */
const RESTART_DELAY_MS = 1_000;
/** A program on a busy small board may take a second to start. */
const READY_TIMEOUT_MS = 5_000;
const READY_POLL_MS = 2;

/**
 * `ip monitor` as a child of ours. A netlink socket of our own would need a thread that waits for it (Node can wait
 * for no such socket) and a parser; this needs neither, since what is printed is only counted as "something".
 */
export function createMonitor(options: MonitorOptions): KernelMonitor {
  return new IpMonitor(options);
}

class IpMonitor implements KernelMonitor {
  readonly #options: MonitorOptions;
  #child: Child | undefined;
  #cancelSettle: (() => void) | undefined;
  #cancelRestart: (() => void) | undefined;
  #stopped = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  async start(onChange: () => void): Promise<void> {
    const { netns } = this.#options;
    const child = await startProgram(["ip", "monitor", "link", "address", "route", "rule"], {
      life: "tied",
      stdio: ["ignore", "pipe", "pipe"],
      ...(netns !== undefined && { netns }),
    });
    if (this.#stopped) return void child.kill("SIGKILL");
    this.#child = child;
    // Its complaints count as well: "No buffer space available" means that events were lost.
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", () => this.#tell(onChange));
    void child.exited.then((exit) => this.#restartLater(onChange, { exit }));
    await untilListening(child);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelSettle?.();
    this.#cancelRestart?.();
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  #tell(onChange: () => void): void {
    if (this.#stopped) return;
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      onChange();
    });
  }

  #restartLater(onChange: () => void, why: object): void {
    if (this.#stopped) return;
    this.#child = undefined;
    this.#cancelRestart = this.#options.clock.after(RESTART_DELAY_MS, () => {
      // Not sooner: a signal that ends us all ends the monitor first.
      this.#options.log.warn(why, "ip monitor ended, starting it again");
      this.start(onChange).then(
        // Whatever happened while nobody listened is told now that somebody does.
        () => this.#tell(onChange),
        (error: unknown) => {
          // One that started and then failed comes back by its end.
          if (this.#child === undefined) this.#restartLater(onChange, { error: messageOf(error) });
        },
      );
    });
  }
}

/** Waits until the program has joined its multicast groups, which /proc/net/netlink shows. */
async function untilListening(child: Child): Promise<void> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (const deadline = Date.now() + READY_TIMEOUT_MS; !isListening(child.pid);) {
    if (ended || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new SennitError("kernel", "monitor-failed", "ip monitor does not listen");
    }
    await sleep(READY_POLL_MS);
  }
}

/** Columns of /proc/net/netlink: sk, Eth (protocol, 0 is NETLINK_ROUTE), Pid, Groups (a mask in hexadecimal), ... */
function isListening(pid: number): boolean {
  let table: string;
  try {
    table = readFileSync(`/proc/${pid}/net/netlink`, "utf8");
  } catch {
    return false;
  }
  return table.split("\n").some((line) => {
    const [, protocol, owner, groups] = line.trim().split(/\s+/);
    return protocol === "0" && owner === String(pid) && groups !== "00000000";
  });
}

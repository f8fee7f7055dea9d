import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { MonitorRun, type MonitorProgram } from "./monitorprogram.ts";

/**
 * Says that links, addresses, routes, rules, forwarding or our nftables table have changed in a network namespace: not
 * what, so nothing can be missed by misreading.
 */
export interface KernelMonitor {
  /** Listening when it resolves: a change made after that is told. Changes that come together are told once. */
  start(onChange: () => void): Promise<void>;
  stop(): Promise<void>;
}

export interface MonitorOptions {
  /** Network namespace (`/run/netns/NAME`), or our own. */
  readonly netns?: string;
  /** Name of the nftables table of family inet that is ours. */
  readonly table: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A link that goes down takes its routes with it within a millisecond or two: told as one change. */
const SETTLE_MS = 20;

/** RTNLGRP_LINK and so on; `netconf` are forwarding and rp_filter of every device. */
const IP_MONITOR: MonitorProgram = {
  argv: ["ip", "monitor", "link", "address", "route", "rule", "netconf"],
  netlinkProtocol: 0,
  concerns: () => true,
};

/**
 * Tells of the table, its chains and rules. What comes and goes in its sets is its life, not a change; of other tables
 * there may be thousands of rules.
 */
const nftMonitor = (table: string): MonitorProgram => ({
  argv: ["nft", "monitor"],
  netlinkProtocol: 12,
  concerns: (line) =>
    // "# ERROR: We lost some netlink events!"
    line.startsWith("# ERROR") ||
    (/^(add|insert|replace|delete|destroy) (?!element )/.test(line) && line.split(" ").includes(table)),
});

/**
 * `ip monitor` and `nft monitor` as children of ours. A netlink socket of our own would need a thread that waits for it
 * (Node can wait for no such socket) and a parser; this needs neither, since what is printed is only counted as "something".
 */
export function createMonitor(options: MonitorOptions): KernelMonitor {
  return new ToolMonitor(options);
}

class ToolMonitor implements KernelMonitor {
  readonly #options: MonitorOptions;
  #runs: readonly MonitorRun[] = [];
  #cancelSettle: (() => void) | undefined;
  #stopped = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  async start(onChange: () => void): Promise<void> {
    const { table, ...options } = this.#options;
    const onNews = (): void => this.#tell(onChange);
    this.#runs = [IP_MONITOR, nftMonitor(table)].map(
      (program) => new MonitorRun(program, { ...options, onNews }),
    );
    try {
      await Promise.all(this.#runs.map((run) => run.start()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelSettle?.();
    await Promise.all(this.#runs.map((run) => run.stop()));
  }

  #tell(onChange: () => void): void {
    if (this.#stopped) return;
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      onChange();
    });
  }
}

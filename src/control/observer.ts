import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { IpRoute } from "../linux/iproute.ts";
import type { KernelMonitor } from "../linux/monitor.ts";
import type { Observations } from "../netplan/model.ts";
import { PROTOCOL, RT_TABLE_MAIN } from "../netplan/own.ts";

/** What the kernel has by itself or from others, as a plan wants to know it. */
export async function observe(ip: IpRoute): Promise<Observations> {
  const [links, routes] = await Promise.all([ip.links(), ip.routes()]);
  return {
    links,
    defaultRoutes: routes.filter(
      ({ table, destination, type, protocol }) =>
        table === RT_TABLE_MAIN &&
        destination === "default" &&
        type === "unicast" &&
        // Ours are what was planned, no reason for the next plan.
        protocol !== PROTOCOL,
    ),
  };
}

export interface ObserverDeps {
  readonly ip: IpRoute;
  readonly monitor: KernelMonitor;
  readonly clock: Clock;
  readonly log: Log;
}

/** For what the monitor hears nothing of, such as a setting; and for what was refused. A look runs six programs. */
const LOOK_AGAIN_MS = 60_000;

/** Watches the kernel and hands out a fresh picture whenever something may have changed. */
export class Observer {
  readonly #deps: ObserverDeps;
  readonly #onChange: (observed: Observations) => void;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopTimer: (() => void) | undefined;
  #stopped = false;

  /** `onChange` is called also when the change was one of ours, or not one that a plan cares for. */
  constructor(deps: ObserverDeps, onChange: (observed: Observations) => void) {
    this.#deps = deps;
    this.#onChange = onChange;
  }

  /** The picture to begin with; `onChange` hears of everything after it. */
  async start(): Promise<Observations> {
    await this.#deps.monitor.start(() => this.#look());
    this.#stopTimer = this.#deps.clock.every(LOOK_AGAIN_MS, () => this.#look());
    return observe(this.#deps.ip);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer?.();
    await this.#deps.monitor.stop();
    await this.#looking;
  }

  /** One look at a time; what changes during one is seen by one more. */
  #look(): void {
    this.#lookAgain = true;
    this.#looking ??= this.#lookUntilSettled().finally(() => (this.#looking = undefined));
  }

  async #lookUntilSettled(): Promise<void> {
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      try {
        const observed = await observe(this.#deps.ip);
        if (!this.#stopped) this.#onChange(observed);
      } catch (error) {
        this.#deps.log.error({ error: messageOf(error) }, "cannot read the state of the network");
      }
    }
  }
}

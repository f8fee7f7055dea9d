import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Sockets } from "../linux/sockets.ts";
import type { Inlet } from "./inlet.ts";
import { Intercept, type InterceptPorts } from "./intercept.ts";

export interface GateOptions {
  /** Where connections go on. */
  readonly inlet: Inlet;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly log: Log;
  /** It opened or closed. */
  readonly onChange: () => void;
}

/**
 * Without any carrier for so long (ms), new connections are let go directly: longer than re-dialling over another WAN
 * takes, short enough that nobody waits longer than for a slow page.
 */
const CLOSE_AFTER_MS = 2000;
/**
 * How long the gate of a process that is being replaced still listens (ms), though the kernel's rules lead elsewhere: who
 * has sent a SYN sends the rest here, once more after a second where it was lost.
 */
const RETIRE_MS = 3000;

/** Opens the way into the relay while the server can be reached, and closes it when it cannot: fail-open. */
export class Gate {
  readonly #options: GateOptions;
  readonly #intercept: Intercept;
  #ports: InterceptPorts | undefined;
  #cancelClose: (() => void) | undefined;
  #cancelRetire: (() => void) | undefined;
  /** Opening and closing happen one after the other. */
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#intercept = new Intercept(options.sockets, (connection) => options.inlet.take(connection));
  }

  /** Where it listens; null while it is closed. */
  get ports(): InterceptPorts | null {
    return this.#intercept.ports;
  }

  /** Ports to listen on next time, because a rule in the kernel already names them. */
  prefer(ports: InterceptPorts | null): void {
    if (ports !== null) this.#ports = ports;
  }

  /** Looks at the inlet; to be called when a carrier came or went, or the peer ceased or began to answer. */
  consider(): void {
    if (this.#stopped) return;
    const { inlet } = this.#options;
    if (inlet.usable) {
      this.#cancelClose?.();
      this.#cancelClose = undefined;
      this.#do(() => this.#open());
    } else if (inlet.carriers > 0) {
      // Carriers that lead nowhere: somebody has waited long enough to find that out.
      this.#do(() => this.#close());
    } else
      this.#cancelClose ??= this.#options.clock.after(CLOSE_AFTER_MS, () => this.#do(() => this.#close()));
  }

  /** Closes for good, as soon as those that are coming in are in. */
  retire(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancelRetire ??= this.#options.clock.after(RETIRE_MS, () => resolve(this.stop()));
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetire?.();
    this.#cancelClose?.();
    this.#do(() => this.#intercept.close());
    await this.#work;
  }

  #do(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      this.#options.log.error({ why: messageOf(error) }, "the way into the relay does not open");
    });
  }

  async #open(): Promise<void> {
    if (this.#intercept.isOpen || this.#stopped) return;
    // Somebody may have taken the old port meanwhile; then a new one will do.
    const preferred = this.#ports ?? { v4: 0, v6: 0 };
    await this.#intercept.open(preferred).catch(() => this.#intercept.open({ v4: 0, v6: 0 }));
    this.#ports = this.#intercept.ports ?? undefined;
    this.#options.onChange();
  }

  async #close(): Promise<void> {
    this.#cancelClose = undefined;
    if (!this.#intercept.isOpen || this.#options.inlet.usable) return;
    await this.#intercept.close();
    this.#options.log.warn({}, "the server is out of reach: new connections are not taken in");
    this.#options.onChange();
  }
}

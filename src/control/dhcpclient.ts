import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { Lines } from "../base/lines.ts";
import type { Log } from "../base/log.ts";
import { endLeftovers } from "../linux/leftover.ts";
import { start as startProgram, type Child, type StartOptions } from "../linux/process.ts";
import {
  DHCP_EVENT_END,
  isUdhcpcOf,
  parseDhcpEvent,
  udhcpcArgv,
  udhcpcEnv,
  type DhcpEvent,
} from "../linux/udhcpc.ts";

export interface DhcpClientOptions {
  readonly device: string;
  /** The address that it asks for first. */
  readonly before: () => string | undefined;
  readonly onEvent: (event: DhcpEvent) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts a program; linux/process.ts unless told. */
  readonly start?: (argv: readonly [string, ...string[]], options: StartOptions) => Promise<Child>;
}

/** Before a client that ended is started again: its device may be on its way back. */
const RESTART_MS = 1000;

/**
 * udhcpc on one device, kept running. It never gives its lease back: the address and its routes are ours to keep, and the next
 * client asks for the same. When we are killed it goes on renewing, until the next control process starts another.
 */
export class DhcpClient {
  readonly device: string;
  readonly #options: DhcpClientOptions;
  #child: Child | undefined;
  #cancelRestart: (() => void) | undefined;
  #stopped = false;

  constructor(options: DhcpClientOptions) {
    this.device = options.device;
    this.#options = options;
  }

  /** Never throws: what cannot be started is tried again. */
  start(): void {
    void this.#run().catch((error: unknown) => this.#restartLater(messageOf(error)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart?.();
    this.#child?.ref();
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  async #run(): Promise<void> {
    const { device, before, onEvent, log, start = startProgram } = this.#options;
    await endLeftovers(isUdhcpcOf(device));
    if (this.#stopped) return;
    const child = await start(udhcpcArgv(device, before()), {
      life: "free",
      stdio: ["ignore", "pipe", "ignore"],
      env: udhcpcEnv(),
    });
    this.#child = child;
    if (this.#stopped) child.kill("SIGKILL");
    // Its first word is that it has nothing yet, which is no news.
    let begun = false;
    const events = new Lines((text) => {
      if (this.#stopped) return;
      const event = parseDhcpEvent(text);
      log.debug({ device, event }, "DHCP");
      if (begun || event.event !== "deconfig") onEvent(event);
      begun = true;
    }, DHCP_EVENT_END);
    child.stdout?.on("data", (chunk: Buffer) => events.take(chunk));
    void child.exited.then(({ code, signal }) => this.#restartLater(signal ?? `exit ${code}`));
  }

  #restartLater(why: string): void {
    if (this.#stopped) return;
    const { clock, device, log } = this.#options;
    log.warn({ device, why }, "the DHCP client ended, starting it again");
    this.#cancelRestart = clock.after(RESTART_MS, () => this.start());
  }
}

/** Ends the clients of a control process that was killed; how many there were. */
export const endDhcpClients = (): Promise<number> => endLeftovers(isUdhcpcOf());

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { dnsmasqArgv, isDnsmasqOf, parseDnsmasqLeases, type LanLease } from "../linux/dnsmasq.ts";
import { endLeftovers } from "../linux/leftover.ts";
import { start as startProgram, type Child, type StartOptions } from "../linux/process.ts";
import { Lines } from "../base/lines.ts";

export interface LanServiceOptions {
  /** Where its config file is put. */
  readonly runDirectory: string;
  readonly leaseFile: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts a program; linux/process.ts unless told. */
  readonly start?: (argv: readonly [string, ...string[]], options: StartOptions) => Promise<Child>;
}

/** Before it is started again after its end (ms): a LAN without names is a LAN without internet. */
const RESTART_MS = 250;
/** Twice as long each time, up to this, so that one that cannot run does not eat the processor. */
const MAX_RESTART_MS = 30_000;
/** One that ran so long (ms) ran well. */
const RAN_WELL_MS = 10_000;

/**
 * dnsmasq for the LAN, kept running with the config that is wanted. When we are killed it goes on, for the LAN is to have
 * names and addresses all the same; the next control process puts its own in its place.
 */
export class LanService {
  readonly #options: LanServiceOptions;
  #config: string | undefined;
  /** Whether it was said what is wanted: before, one of an earlier control process is left as it is. */
  #told = false;
  #child: Child | undefined;
  /** Starts and ends happen one after the other. */
  #work: Promise<void> = Promise.resolve();
  #cancelRestart: (() => void) | undefined;
  #startedAt = 0;
  #delay = RESTART_MS;
  #lastWords: string | undefined;
  #trouble: string | undefined;
  #stopped = false;

  constructor(options: LanServiceOptions) {
    this.#options = options;
  }

  /** Why it does not run, where it should. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What the LAN's machines were given. */
  leases(): readonly LanLease[] {
    if (this.#config === undefined) return [];
    try {
      return parseDnsmasqLeases(readFileSync(this.#options.leaseFile, "utf8"));
    } catch {
      return [];
    }
  }

  /** Has it run with this config, or not at all; the same again changes nothing. */
  want(config: string | undefined): void {
    if ((this.#told && config === this.#config) || this.#stopped) return;
    this.#told = true;
    this.#config = config;
    this.#delay = RESTART_MS;
    this.#inTurn(() => this.#restart());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#inTurn(() => this.#end());
    await this.#work;
  }

  #inTurn(run: () => Promise<void>): void {
    this.#work = this.#work.then(run).catch((error: unknown) => this.#failed(messageOf(error)));
  }

  async #end(): Promise<void> {
    this.#cancelRestart?.();
    const child = this.#child;
    this.#child = undefined;
    child?.ref();
    child?.kill("SIGTERM");
    await child?.exited;
  }

  async #restart(): Promise<void> {
    const { runDirectory, clock, log, start = startProgram } = this.#options;
    const file = configFile(runDirectory);
    await this.#end();
    await endLanService(runDirectory);
    if (this.#stopped || this.#config === undefined) return;
    writeFileSync(`${file}.new`, this.#config, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    const child = await start(dnsmasqArgv(file), { life: "free", stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    this.#startedAt = clock.now();
    this.#trouble = undefined;
    const lines = new Lines((line) => {
      this.#lastWords = line;
      log.debug({ line }, "dnsmasq");
    });
    child.stderr?.on("data", (chunk: Buffer) => lines.take(chunk));
    void this.#mourn(child);
  }

  async #mourn(child: Child): Promise<void> {
    const { code, signal } = await child.exited;
    if (this.#child === child) this.#failed(signal ?? this.#lastWords ?? `exit ${code}`);
  }

  #failed(why: string): void {
    if (this.#stopped) return;
    const { clock, log } = this.#options;
    this.#child = undefined;
    this.#trouble = why;
    if (clock.now() - this.#startedAt > RAN_WELL_MS) this.#delay = RESTART_MS;
    log.warn({ why, againInMs: this.#delay }, "dnsmasq ended, starting it again");
    this.#cancelRestart = clock.after(this.#delay, () => this.#inTurn(() => this.#restart()));
    this.#delay = Math.min(this.#delay * 2, MAX_RESTART_MS);
  }
}

const configFile = (runDirectory: string): string => join(runDirectory, "dnsmasq.conf");

/** Ends the dnsmasq of a control process that was killed; how many there were. */
export const endLanService = (runDirectory: string): Promise<number> =>
  endLeftovers(isDnsmasqOf(configFile(runDirectory)));

import { createApi } from "../api/api.ts";
import type { Applied, ConfigService, ConfigState, Plan } from "../api/config.ts";
import type { HistoryService } from "../api/history.ts";
import type { LeasesReport } from "../api/leases.ts";
import { listenOnSocket, socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import { Closer } from "../base/closer.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { parseRouterConfig, type RouterConfig } from "../config/router.ts";
import type { ConfigFile } from "../control/configfile.ts";
import type { Preview } from "../control/reconciler.ts";
import { showCommand } from "../netplan/show.ts";

/** What runs a config (RouterControl). */
export interface Runner extends HistoryService {
  start(takesOver?: boolean): Promise<void>;
  stop(): Promise<void>;
  release(): Promise<void>;
  upgrade(): void;
  status(): StatusReport;
  leases(): LeasesReport;
  preview(config: RouterConfig): Promise<Preview>;
}

export interface RouterServiceDeps {
  readonly file: ConfigFile;
  /** Throws where a config asks for what this machine does not have. */
  readonly check: (config: RouterConfig) => void;
  /** Makes what runs a config; nothing is started by that. */
  readonly open: (config: RouterConfig) => Runner;
  /** Replaces this process by a new one that reads the file; does not return. */
  readonly goOn: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A router whose config changes while it runs. What runs the old config lets go of kernel and data process, what runs the new
 * one takes over and changes the difference: the way after a crash, so that there is but one way to be at fault.
 */
export class RouterService implements ConfigService {
  readonly #deps: RouterServiceDeps;
  readonly #closer = new Closer();
  #runner: Runner;
  #config: RouterConfig;
  /** The version that runs. */
  #version = 0;
  /** What comes back unless it is confirmed, and when by the monotonic clock. */
  #unconfirmed: { readonly before: number; readonly endsAt: number; readonly cancel: () => void } | undefined;
  /** One change after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** `config` is what the file says now. */
  constructor(config: RouterConfig, deps: RouterServiceDeps) {
    this.#deps = deps;
    this.#config = config;
    this.#runner = deps.open(config);
  }

  /** Runs the file's config, or the one before it, where nobody has confirmed the file's in time. */
  start(): Promise<void> {
    return this.#closer.unwindOnFailure(async () => {
      const { log } = this.#deps;
      const api = createApi({
        status: () => this.status(),
        upgrade: () => this.#runner.upgrade(),
        leases: () => this.#runner.leases(),
        history: {
          history: (query) => this.#runner.history(query),
          eventsOf: (query) => this.#runner.eventsOf(query),
        },
        config: this,
        log,
      });
      const listener = await listenOnSocket(api, socketPath(this.#config.directories.run));
      this.#closer.add("API", () => listener.close());
      await this.#inTurn(() => this.#begin());
      this.#closer.add("router", () => this.#runner.stop());
      this.#closer.add("changes", async () => {
        this.#stopped = true;
        this.#unconfirmed?.cancel();
        await this.#work;
      });
    });
  }

  stop(): Promise<void> {
    return this.#closer.close();
  }

  async #begin(): Promise<void> {
    const { file } = this.#deps;
    const pending = await file.pending();
    this.#version = await file.keep(await file.read(), "start");
    if (pending !== undefined && pending.leftMs > 0) this.#rollBackAfter(pending.leftMs, pending.before);
    else if (pending !== undefined) await this.#beginBefore(pending.before);
    await this.#runner.start();
  }

  /** Where the version of before can't be read any more (the program is another one now), the file's is better than none. */
  async #beginBefore(before: number): Promise<void> {
    try {
      this.#config = await this.#putBack(before);
      this.#runner = this.#deps.open(this.#config);
    } catch (error) {
      this.#deps.log.error({ why: messageOf(error) }, "the config of before does not come back");
      await this.#settle();
    }
  }

  status(): StatusReport {
    const status = this.#runner.status();
    if (this.#unconfirmed === undefined) return status;
    const { before, endsAt } = this.#unconfirmed;
    const seconds = Math.max(0, Math.ceil((endsAt - this.#deps.clock.now()) / 1000));
    const problem = {
      code: "config-unconfirmed",
      message: `version ${before} of the config comes back in ${seconds} s`,
      remedy: "`sennit confirm` keeps the one that runs",
    };
    return { ...status, problems: [problem, ...status.problems] };
  }

  async state(): Promise<ConfigState> {
    const { file } = this.#deps;
    return { file: file.path, version: this.#version, pending: (await file.pending()) ?? null };
  }

  async plan(): Promise<Plan> {
    const { file } = this.#deps;
    return planOf(await this.#runner.preview(this.#checked(await file.read())));
  }

  async versions() {
    return [...(await this.#deps.file.history())];
  }

  /** Takes the file in as it is now. */
  apply(confirmMs: number | null): Promise<Applied> {
    return this.#inTurn(async () => {
      const { file } = this.#deps;
      if ((await file.pending()) !== undefined) {
        throw new SennitError(
          "config",
          "confirm-pending",
          "the change before this one is not confirmed yet",
          {
            remedy: "`sennit confirm` keeps it, `sennit config restore N` takes it back",
          },
        );
      }
      const text = await file.read();
      const config = this.#checked(text);
      return this.#change(config, confirmMs, () => file.keep(text, "applied"));
    });
  }

  /** Puts a version back into the file, and takes it in. */
  restore(number: number, confirmMs: number | null): Promise<Applied> {
    return this.#inTurn(async () => {
      const { file } = this.#deps;
      const { text } = await file.version(number);
      const config = this.#checked(text);
      await this.#settle();
      return this.#change(config, confirmMs, () => file.write(text, `version ${number} restored`));
    });
  }

  confirm(): Promise<ConfigState> {
    return this.#inTurn(async () => {
      if ((await this.#deps.file.pending()) === undefined)
        throw new SennitError("config", "nothing-to-confirm", "nothing waits to be confirmed");
      await this.#settle();
      this.#deps.log.info({ version: this.#version }, "config confirmed");
      return this.state();
    });
  }

  /** Every mistake at once. What can't change while the router runs is one. */
  #checked(text: string): RouterConfig {
    const config = parseRouterConfig(text, this.#deps.file.path);
    const { state, run } = this.#config.directories;
    if (config.directories.state !== state || config.directories.run !== run) {
      throw new SennitError(
        "config",
        "apply-needs-restart",
        "`directories` can't change while the router runs",
        {
          remedy: "stop the router, edit the file, and start it again",
        },
      );
    }
    this.#deps.check(config);
    return config;
  }

  /** First the promise to go back, then the change: whoever is killed in between goes back to what ran. */
  async #change(
    config: RouterConfig,
    confirmMs: number | null,
    keep: () => Promise<number>,
  ): Promise<Applied> {
    const { file, log } = this.#deps;
    const before = this.#version;
    if (confirmMs !== null) await file.expect(before, confirmMs);
    try {
      this.#version = await keep();
      await this.#switchTo(config);
    } catch (error) {
      this.#version = before;
      await file.settle();
      throw error;
    }
    log.info({ version: this.#version, before, confirmMs }, "config applied");
    if (confirmMs !== null) {
      // All of the time is for whoever looks, however long the change took.
      await file.expect(before, confirmMs);
      this.#rollBackAfter(confirmMs, before);
    }
    return { ...(await this.state()), problems: this.#runner.status().problems };
  }

  /** The runner of before goes on where the new one can't start. */
  async #switchTo(config: RouterConfig): Promise<void> {
    const { open, goOn, log } = this.#deps;
    const before = this.#config;
    await this.#runner.release();
    const next = open(config);
    try {
      await next.start(true);
      this.#config = config;
      this.#runner = next;
    } catch (error) {
      log.error({ why: messageOf(error) }, "the new config can't be run: the one before goes on");
      this.#runner = open(before);
      await this.#runner.start(true).catch((failure: unknown) => {
        // Nobody is in charge here any more: a new process begins anew.
        log.error({ why: messageOf(failure) }, "nor can the one before: starting over");
        goOn();
      });
      throw error;
    }
  }

  #rollBackAfter(ms: number, before: number): void {
    this.#unconfirmed?.cancel();
    const { clock } = this.#deps;
    const cancel = clock.after(ms, () => void this.#inTurn(() => this.#rollBack()));
    this.#unconfirmed = { before, endsAt: clock.now() + ms, cancel };
  }

  async #rollBack(): Promise<void> {
    const { file, log } = this.#deps;
    const pending = await file.pending();
    if (pending === undefined || this.#stopped) return;
    try {
      await this.#switchTo(await this.#putBack(pending.before));
    } catch (error) {
      log.error({ why: messageOf(error) }, "the config of before was not taken in");
    }
  }

  /** The config of a version, which is in the file again. */
  async #putBack(number: number): Promise<RouterConfig> {
    const { file, log } = this.#deps;
    const { text } = await file.version(number);
    const config = this.#checked(text);
    log.warn({ version: number }, "config not confirmed: the one before comes back");
    this.#version = await file.write(text, `version ${number}, as nobody confirmed`);
    await this.#settle();
    return config;
  }

  async #settle(): Promise<void> {
    this.#unconfirmed?.cancel();
    this.#unconfirmed = undefined;
    await this.#deps.file.settle();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#work.then(run);
    this.#work = result.catch(() => undefined);
    return result;
  }
}

/** A preview for people and programs. */
export function planOf({ steps, errors, absent, table }: Preview): Plan {
  return {
    steps: steps.map(showCommand),
    table: table ?? null,
    absent: [...absent],
    problems: errors.map(({ message }) => message),
  };
}

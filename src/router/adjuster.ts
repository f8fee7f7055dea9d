import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { StatusReport } from "../api/status.ts";
import type { Reconciler } from "../control/reconciler.ts";
import type { Step } from "../netplan/diff.ts";
import { putBack } from "../netplan/losses.ts";
import { NOTHING, type DesiredState } from "../netplan/model.ts";

export interface AdjusterDeps {
  readonly reconciler: Pick<Reconciler, "apply">;
  readonly log: Log;
  /** What the kernel should hold now; undefined while not enough is known. */
  readonly plan: () => DesiredState | undefined;
  /** These steps put back what somebody else took away. */
  readonly onPutBack: (steps: readonly Step[]) => void;
  /** The kernel holds what was planned, as far as it did not refuse. */
  readonly onAdjusted: () => void;
}

/** Brings the kernel to what is planned, one time after the other; one that waits serves for all that ask meanwhile. */
export class Adjuster {
  readonly #deps: AdjusterDeps;
  #work: Promise<void> = Promise.resolve();
  #waiting = false;
  #stopped = false;
  #problems: StatusReport["problems"] = [];
  /** What the kernel was brought to last. */
  #held: DesiredState = NOTHING;

  constructor(deps: AdjusterDeps) {
    this.#deps = deps;
  }

  /** What the last adjustment could not do. */
  get problems(): StatusReport["problems"] {
    return this.#problems;
  }

  /** Settles when what was asked for so far is done. */
  get settled(): Promise<void> {
    return this.#work;
  }

  /** Asks for an adjustment. Settles when it is made; never rejects: the next change is another try. */
  adjust(): Promise<void> {
    if (!this.#waiting && !this.#stopped) {
      this.#waiting = true;
      this.#work = this.#work.then(() => {
        this.#waiting = false;
        return this.#adjust();
      });
    }
    return this.#work;
  }

  /** No adjustment begins after this: it would make again what is about to be taken back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
  }

  async #adjust(): Promise<void> {
    const { reconciler, log, plan, onPutBack, onAdjusted } = this.#deps;
    try {
      const desired = plan();
      if (desired === undefined) return;
      const { done, errors } = await reconciler.apply(desired);
      if (done.length > 0) log.info({ steps: done.length }, "kernel state adjusted");
      const lost = putBack(this.#held, done);
      this.#held = desired;
      if (lost.length > 0) onPutBack(lost);
      for (const error of errors)
        log.error({ code: error.code, why: error.message }, "kernel refused a change");
      this.#problems = [
        ...desired.problems.map(({ code, message }) => ({ code, message, remedy: null })),
        ...errors.map(({ code, message, remedy }) => ({ code, message, remedy: remedy ?? null })),
      ];
    } catch (error) {
      log.error({ why: messageOf(error) }, "kernel state not adjusted");
      this.#problems = [{ code: "not-adjusted", message: messageOf(error), remedy: null }];
    }
    onAdjusted();
  }
}

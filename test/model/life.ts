import type { Clock, ManualClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { WindowBudget } from "../../src/relay/budget.ts";
import { Session, type SessionOptions } from "../../src/relay/session.ts";

const SESSION_ID_BYTES = 16;

/** One end of the session in one process, from its start to its death. */
export class Life {
  readonly session: Session;
  readonly budget: WindowBudget;
  readonly log = new MemoryLog();
  readonly clock: Clock;
  readonly instance: Buffer;
  /** Since when it has had no carrier, by the clock of the world. */
  lonelySince: number;
  isOver = false;

  constructor(
    clock: ManualClock,
    number: number,
    budgetBytes: number,
    options: Pick<SessionOptions, "dialled" | "onOpen" | "onRefused">,
  ) {
    this.instance = Buffer.alloc(SESSION_ID_BYTES, number);
    this.budget = new WindowBudget(budgetBytes);
    this.lonelySince = clock.now();
    const alive = (fn: () => void) => (): void => {
      if (!this.isOver) fn();
    };
    this.clock = {
      now: () => clock.now(),
      after: (delayMs, fn) => clock.after(delayMs, alive(fn)),
      every: (periodMs, fn) => {
        const cancel = clock.every(periodMs, () => (this.isOver ? cancel() : fn()));
        return cancel;
      },
    };
    this.session = new Session({
      id: this.instance,
      clock: this.clock,
      log: this.log,
      budget: this.budget,
      maxFlows: 1000,
      ...options,
    });
  }
}

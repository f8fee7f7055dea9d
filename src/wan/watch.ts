import { Progress } from "./progress.ts";
import type { SubflowSight } from "./sight.ts";
import { judge, type Judgement, patienceMs } from "./verdict.ts";

/** One subflow, and what is to be thought of it. */
export interface Watched<S extends SubflowSight = SubflowSight> {
  readonly subflow: S;
  readonly judgement: Judgement;
  /** When anything was heard on it last. */
  readonly heardAt: number;
  /** What it may be silent for (ms). */
  readonly patienceMs: number;
}

/**
 * Watches the subflows of one connection, at either end: what was sent and is not acknowledged is the evidence. A
 * subflow is only ever blamed for what others were spared: while nothing goes on anywhere, it is not the line.
 */
export class Watch {
  #progress = new Map<string, Progress>();

  /** Whether anything waited for an acknowledgement at the last look. */
  get waiting(): boolean {
    return [...this.#progress.values()].some(({ waitingSince }) => waitingSince !== undefined);
  }

  /** Takes all there are now (ms). */
  look<S extends SubflowSight>(now: number, subflows: readonly S[]): readonly Watched<S>[] {
    const before = this.#progress;
    this.#progress = new Map();
    const seen = subflows.map((subflow) => {
      const key = keyOf(subflow);
      const progress = before.get(key) ?? new Progress();
      if (subflow.established) progress.look(now, subflow);
      this.#progress.set(key, progress);
      return { subflow, progress, alone: this.#judge(now, subflow, progress, -Infinity) };
    });
    return seen.map(({ subflow, progress, alone }) => {
      const others = seen.filter((other) => other.progress !== progress && isUseful(other));
      // Of those that go on, the one that has for longest; one that has nothing to do is as good.
      const spared = Math.min(...others.map((other) => other.progress.movingSince));
      const blamed = others.length > 0 && this.#judge(now, subflow, progress, spared) === "dead";
      return {
        subflow,
        judgement: alone === "dead" && !blamed ? "suspect" : alone,
        heardAt: now - subflow.silentMs,
        patienceMs: patienceMs(progress.line(subflow)),
      };
    });
  }

  /** `spared`: since when others have gone on. */
  #judge(now: number, subflow: SubflowSight, progress: Progress, spared: number): Judgement {
    const { waitingSince } = progress;
    if (waitingSince === undefined || !subflow.established) return "well";
    const forMs = now - Math.max(waitingSince, spared);
    return judge({ forMs, trials: subflow.unacked + subflow.timeouts }, progress.line(subflow));
  }
}

const isUseful = ({
  subflow,
  alone,
}: {
  readonly subflow: SubflowSight;
  readonly alone: Judgement;
}): boolean => subflow.established && alone === "well";

const keyOf = ({ local, remote }: SubflowSight): string =>
  `${local.address} ${local.port} ${remote.address} ${remote.port}`;

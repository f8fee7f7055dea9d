/** What is known of a line, for judging its silences. */
export interface Line {
  readonly rttMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Share of what is sent that gets lost. */
  readonly loss: number;
}

/** That for so long no answer came, and to how many segments or probes. */
export interface Silence {
  readonly forMs: number;
  readonly trials: number;
}

export type Judgement = "well" | "suspect" | "dead";

/** No verdict sooner (ms): an answer may be delayed (TCP by 40 ms), a radio may pause, our own process be late. */
const SUSPECT_LEAST_MS = 80;
const DEAD_LEAST_MS = 120;
/** Of a line that was never measured (ms): no line that one works with is slower. */
const UNKNOWN_RTT_MS = 500;
/** A run of losses that had a lesser chance is no chance. */
const CREDIBLE_CHANCE = 1e-6;
/** Loss of a line on which none was seen: nobody has measured less than this over a few hundred packets. */
const LEAST_LOSS = 0.01;
/** Of a line that loses more, nobody has any use; 39 in a row are then judged, 2 s of probes. */
const MOST_LOSS = 0.7;

/** How long (ms) answers may be missing until the line is dead: several round trips, with what they vary by. */
export const patienceMs = ({ rttMs = UNKNOWN_RTT_MS, jitterMs = 0 }: Line): number =>
  Math.max(DEAD_LEAST_MS, 2 * rttMs + 4 * jitterMs);

const doubtMs = ({ rttMs = UNKNOWN_RTT_MS, jitterMs = 0 }: Line): number =>
  Math.max(SUSPECT_LEAST_MS, rttMs + 4 * jitterMs);

/** How many in a row must be lost until that is no chance any more: 3 on a clean line, 10 where a quarter is lost. */
export function credibleRun(loss: number): number {
  const chance = Math.min(MOST_LOSS, Math.max(LEAST_LOSS, loss));
  return Math.ceil(Math.log(CREDIBLE_CHANCE) / Math.log(chance));
}

/** What a silence means on that line. Undefined: nothing waits for an answer. */
export function judge(silence: Silence | undefined, line: Line): Judgement {
  if (silence === undefined) return "well";
  if (silence.forMs >= patienceMs(line) && silence.trials >= credibleRun(line.loss)) return "dead";
  return silence.forMs >= doubtMs(line) ? "suspect" : "well";
}

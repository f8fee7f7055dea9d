import type { RateTrace } from "./ratetrace.ts";

/** What sends the bits: when it is done with some bytes, and how many it could send in a time. Times in ms. */
export interface Transmitter {
  /** When `bytes` are sent that are begun at `from`. */
  done(from: number, bytes: number): number;
  /** Bytes that can be sent between two times. Without a rate nothing ever waits, and it is 0. */
  sends(from: number, to: number): number;
}

export function constantRate(rate: number): Transmitter {
  return {
    done: (from, bytes) => from + (bytes * 8000) / rate,
    sends: (from, to) => (rate === Infinity ? 0 : ((to - from) * rate) / 8000),
  };
}

/** The rate of a trace that begins at `origin`: exact, as the bytes sent since then are known for every moment. */
export function tracedRate({ starts, rates, period }: RateTrace, origin: number): Transmitter {
  /** Bytes sent when each step begins, and at the end of them all. */
  const before = [0];
  for (const [step, rate] of rates.entries()) {
    const length = (starts[step + 1] ?? period) - (starts[step] ?? 0);
    before.push((before[step] ?? 0) + (length * rate) / 8000);
  }
  const perPeriod = before.at(-1) ?? 0;

  const sentBy = (time: number): number => {
    const rounds = Math.floor((time - origin) / period);
    const phase = time - origin - rounds * period;
    const step = lastNotAbove(starts, phase);
    const inStep = ((phase - (starts[step] ?? 0)) * (rates[step] ?? 0)) / 8000;
    return rounds * perPeriod + (before[step] ?? 0) + inStep;
  };
  const timeOf = (sent: number): number => {
    // What ends with a round is sent within it, not at the start of the next, which may be a pause.
    const rounds = Math.ceil(sent / perPeriod) - 1;
    const rest = sent - rounds * perPeriod;
    const step = lastBelow(before, rest);
    const inStep = ((rest - (before[step] ?? 0)) * 8000) / (rates[step] ?? 0);
    return origin + rounds * period + (starts[step] ?? 0) + inStep;
  };
  return {
    done: (from, bytes) => Math.max(from, timeOf(sentBy(from) + bytes)),
    sends: (from, to) => sentBy(to) - sentBy(from),
  };
}

/** The last place in ascending numbers whose number is not above `value`. */
const lastNotAbove = (numbers: readonly number[], value: number): number =>
  lastWhere(numbers, (number) => number <= value);
const lastBelow = (numbers: readonly number[], value: number): number =>
  lastWhere(numbers, (number) => number < value);

/** By halves; `holds` is true up to some place and false from there on. 0 where it is never true. */
function lastWhere(numbers: readonly number[], holds: (number: number) => boolean): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (holds(numbers[middle] ?? 0)) low = middle;
    else high = middle - 1;
  }
  return low;
}

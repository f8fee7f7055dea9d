import { type HistoryQuery, type HistoryReport, type HistorySample, MAX_POINTS } from "../api/history.ts";
import { type Sample, type Span, STEPS, type Step } from "../store/history/sample.ts";

/** The finest step that tells of the whole time in an answer of bounded length; `keeps` in ms, as the config has them. */
export function stepFor(
  { from, to }: Span,
  now: number,
  keeps: { readonly seconds: number; readonly minutes: number; readonly hours: number },
): Step {
  const kept: Readonly<Record<Step, number>> = { 1: keeps.seconds, 60: keeps.minutes, 3600: keeps.hours };
  const fits = STEPS.find((step) => from >= now - kept[step] && (to - from) / (step * 1000) <= MAX_POINTS);
  return fits ?? 3600;
}

/** The answer of the API. A time that is too long for it even by the hour loses its beginning. */
export function historyReport(
  { from, to, wan }: HistoryQuery,
  step: Step,
  read: (step: Step, span: Span, wan?: string) => readonly Sample[],
): HistoryReport {
  const stepMs = step * 1000;
  const span = { from: Math.max(from, to - MAX_POINTS * stepMs), to };
  const wans = Map.groupBy(read(step, span, wan), (sample) => sample.wan);
  return {
    stepMs,
    ...span,
    wans: [...wans].map(([name, samples]) => ({ name, samples: samples.map(toldOf) })),
  };
}

function toldOf(sample: Sample): HistorySample {
  const { at, seconds, bytesDown, bytesUp, peakDown, peakUp } = sample;
  const { rttMs, rttMaxMs, jitterMs, lossPerMille, carryingPerMille } = sample;
  return {
    at: at * 1000,
    seconds,
    bytes: { down: bytesDown, up: bytesUp },
    rate: { down: (bytesDown * 8) / seconds, up: (bytesUp * 8) / seconds },
    peak: { down: peakDown, up: peakUp },
    rttMs,
    rttMaxMs,
    jitterMs,
    lossPerMille,
    carryingPerMille,
  };
}

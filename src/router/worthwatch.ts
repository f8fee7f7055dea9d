import type { DataReport } from "../control/messages.ts";
import { Worth, type WorthSight } from "../wan/worth.ts";

/** Time between two samples (ms); reports that come sooner were asked for out of turn. */
const SAMPLE_MS = 900;
/** Less (bit/s) fills no two WANs that are in use today. */
const LOADED_RATE = 2e6;

/** Feeds Worth with what reports of the data process tell. */
export class WorthWatch {
  readonly #worth = new Worth();
  #last: { readonly at: number; readonly bytes: number } | undefined;

  costOf(wan: string): number | undefined {
    return this.#worth.costOf(wan);
  }

  leavesOut(wan: string): boolean {
    return this.#worth.leavesOut(wan);
  }

  /** Takes a report that is there now (ms). Whether other WANs are to be left out than before. */
  look(now: number, report: DataReport, wans: WorthSight["wans"]): boolean {
    const bytes = report.bytesIn + report.bytesOut;
    const last = this.#last;
    if (last !== undefined && now - last.at < SAMPLE_MS) return false;
    this.#last = { at: now, bytes };
    // Another data process counts from zero.
    if (last === undefined || bytes < last.bytes) return false;
    const total = ((bytes - last.bytes) * 8000) / (now - last.at);
    const isBulk = report.sessions.some(({ bulk }) => bulk > 0);
    const leftOut = (): string =>
      wans
        .filter(({ name }) => this.leavesOut(name))
        .map(({ name }) => name)
        .join(" ");
    const before = leftOut();
    this.#worth.look(now, { total, loaded: isBulk && total >= LOADED_RATE, wans });
    return leftOut() !== before;
  }
}

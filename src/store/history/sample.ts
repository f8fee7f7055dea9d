/** What is kept of a WAN: a line for every second, every minute and every hour, each for as long as it is worth it. */
export const STEPS = [1, 60, 3600] as const;
/** Seconds that a line stands for. */
export type Step = (typeof STEPS)[number];

/** How one WAN fared for a while. Rates are bits per second; null is "not known". */
export interface Sample {
  readonly wan: string;
  /** When it began, in seconds since 1970. */
  readonly at: number;
  /** How much of its step was looked at. */
  readonly seconds: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
  /** The most in any second of it. */
  readonly peakDown: number;
  readonly peakUp: number;
  readonly rttMs: number | null;
  readonly rttMaxMs: number | null;
  readonly jitterMs: number | null;
  readonly lossPerMille: number | null;
  /** Of the time that was looked at, the share in which it could carry traffic. */
  readonly carryingPerMille: number;
}

/** An event as it is kept (control/events.ts). */
export interface KeptEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly code: string;
  readonly severity: "info" | "warning" | "critical";
  readonly wan: string | null;
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** A span of time, `from` included, `to` not: milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How long what is kept (ms), and how large the file may become (bytes). */
export interface Retention {
  readonly seconds: number;
  readonly minutes: number;
  readonly hours: number;
  readonly events: number;
  readonly size: number;
}

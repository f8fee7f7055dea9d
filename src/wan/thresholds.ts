/** When a WAN changes its state. Times in ms. */
export interface Thresholds {
  /** Lost of a thousand from which on it is degraded, and below which it is no longer. */
  readonly degradedPerMille: number;
  readonly wellPerMille: number;
  /** Fewer lost probes tell no share. */
  readonly leastLost: number;
  /** A round trip from which on it is degraded; undefined where none is too long. */
  readonly degradedRttMs: number | undefined;
  readonly degradedAfterMs: number;
  readonly wellAfterMs: number;
  /** A round trip so many times the least, and so much longer, is a queue, if so much is carried (bit/s). */
  readonly busyTimes: number;
  readonly busyMs: number;
  readonly busyRate: number;
  readonly busyAfterMs: number;
  readonly calmAfterMs: number;
  /** Having been down, it is up when it was heard for so long. */
  readonly riseMs: number;
  /** Connections that are dead for so long, where probes are answered, do not get through. */
  readonly blockedMs: number;
}

export const USUAL: Thresholds = {
  // Calls suffer from 3 % on; a radio's usual 1 % is nothing to tell of.
  degradedPerMille: 30,
  wellPerMille: 15,
  // And what they tell must be above the limit beyond doubt (leastLoss): 5 of 20 are one in a million where 1 % is lost.
  leastLost: 5,
  degradedRttMs: undefined,
  // One burst is over by then.
  degradedAfterMs: 1000,
  // Radio cells come and go; who fixes something by hand waits as long to see whether it holds.
  wellAfterMs: 30_000,
  // A queue of 50 ms is felt; where the line itself is slow (satellites) it takes more.
  busyTimes: 3,
  busyMs: 50,
  // Less fills no line that is in use today.
  busyRate: 200_000,
  busyAfterMs: 1000,
  calmAfterMs: 3000,
  // Several round trips of a satellite, and the time in which a modem that re-dials comes and goes.
  riseMs: 1000,
  // Several tries to connect, with a SYN lost.
  blockedMs: 10_000,
};

/** Half of what makes a WAN degraded is little enough for it to be well again. */
const WELL_SHARE = 0.5;

/** With what the config says of loss (per mille) and delay (ms). */
export const withLimits = ({
  loss,
  delay,
}: {
  readonly loss: number;
  readonly delay?: number | undefined;
}): Thresholds => ({
  ...USUAL,
  degradedPerMille: loss,
  wellPerMille: Math.floor(loss * WELL_SHARE),
  degradedRttMs: delay,
});

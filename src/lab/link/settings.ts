import type { BurstLoss } from "./burstloss.ts";
import type { FrameFilter } from "./filter.ts";
import type { RateTrace } from "./ratetrace.ts";

/** One direction of a link. */
export interface DirectionSettings extends FrameFilter {
  /** Bits per second, counted with the Ethernet header as on TAPs; Infinity for a link that nothing slows. */
  readonly rate: number;
  /** How the rate changes; `rate` is the highest of it then. */
  readonly trace: RateTrace | undefined;
  /** Milliseconds, one way. */
  readonly delay: number;
  /** Standard deviation of the delay in milliseconds; packets keep their order. */
  readonly jitter: number;
  /** Packets lost by chance, per mille. */
  readonly loss: number;
  /** Further losses, in bursts. */
  readonly burstLoss: BurstLoss | undefined;
  readonly reorder: Reordering | undefined;
  /** Bytes that may wait for the transmitter; what comes on top is dropped. */
  readonly queue: number;
  /** Packets that may be under way, in delay line and queue together; what comes on top is dropped. */
  readonly limit: number;
}

/** Some packets arrive later than the link would have them, and others overtake them. */
export interface Reordering {
  /** Packets held back, per mille. */
  readonly share: number;
  /** Milliseconds. */
  readonly by: number;
}

/** What the loop needs to know of one direction: its arithmetic, and whether anything gets through at all. */
export interface DirectionState extends DirectionSettings {
  /** False: a black hole. */
  readonly open: boolean;
  /** False: the cable is out; the same for both directions of a link. */
  readonly carrier: boolean;
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** One TCP connection of a carrier, as the kernel tells of it at one moment. */
export interface SubflowSight {
  readonly local: End;
  readonly remote: End;
  readonly established: boolean;
  /** Since anything was heard from the other end (ms). */
  readonly silentMs: number;
  /** Since an acknowledgement was heard, and since anything was sent (ms). */
  readonly lastAckMs: number;
  readonly lastSentMs: number;
  /** Segments that the other end has acknowledged so far, those out of order included. */
  readonly delivered: number;
  /** Segments sent and not acknowledged. */
  readonly unacked: number;
  /** Retransmission timeouts in a row. */
  readonly timeouts: number;
  readonly rttMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Bytes sent so far, and how many of them again. */
  readonly sentBytes: number;
  readonly resentBytes: number;
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** One TCP connection of a carrier. */
export interface SubflowSight {
  readonly local: End;
  readonly remote: End;
  readonly established: boolean;
  /** Since anything was heard from the other end. */
  readonly silentMs: number;
  /** For how long the other end has left a segment unanswered; 0 where none waits. */
  readonly unansweredMs: number;
  readonly rttMs: number | undefined;
}

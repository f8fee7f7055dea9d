/** Of a TCP connection, what tells how long its oldest segment has waited (tcpi_unacked, _retransmits, _rto, _last_data_sent). */
export interface Sending {
  readonly unackedSegments: number;
  /** Retransmission timeouts in a row. */
  readonly timeouts: number;
  /** As it is now, doubled by each of these timeouts (RFC 6298, 5.5). */
  readonly rtoMs: number;
  /** Since anything was sent, retransmissions included. */
  readonly lastDataSentMs: number;
}

/**
 * For how long (ms) the other end has left the oldest segment unanswered; 0 before the first timeout. The timeouts so
 * far took RTO/2 + RTO/4 + ... of the RTO as it is now, and since the last one the segment waits for the next.
 */
export function unansweredMs({ unackedSegments, timeouts, rtoMs, lastDataSentMs }: Sending): number {
  if (unackedSegments === 0 || timeouts === 0) return 0;
  return rtoMs * (1 - 2 ** -timeouts) + lastDataSentMs;
}

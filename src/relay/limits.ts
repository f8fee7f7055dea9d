/** Bytes of windows that one session hands out to its flows: what a stalled WAN can make this process hold, at most. */
export const SESSION_BUFFER_BYTES = 128 * 1024 * 1024;

/** Flows of one session at a time. Each takes one descriptor, and a process may have 20,000 on common systems. */
export const MAX_FLOWS = 16_000;

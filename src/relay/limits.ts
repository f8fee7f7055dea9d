/** Bytes that this process holds for flows of all sessions: what stalled WANs, slow applications or bad peers can cost. */
export const BUFFER_BYTES = 128 * 1024 * 1024;

/** Flows of one session at a time. Each takes one descriptor, and a process may have 20,000 on common systems. */
export const MAX_FLOWS = 16_000;

/**
 * Silence after which the kernel asks the application or target of a flow whether it is still there (ms), so that those
 * that vanished do not hold flows for ever. RFC 1122 section 4.2.3.6 wants two hours at least where nobody asked for it;
 * here a table of 16,000 flows asks.
 */
export const FLOW_KEEPALIVE_MS = 600_000;

/** How long flows outlive the last carrier unless told otherwise (ms): a modem's reboot, a tunnel, a ferry's turn. */
export const GRACE_MS = 600_000;

/** Log lines of each kind that strangers and routers can cause: a scanner's whole visit can be read, and a day of scanning is 20 MB. */
export const LINES_A_MINUTE = 60;

/** What sessions without carriers may hold together (bytes); above it the one that has waited longest is ended. */
export const GRACE_BYTES = BUFFER_BYTES / 2;

import type { ConnectionInfo } from "../linux/mptcpinfo.ts";

/** Less (bytes) is a hole's worth: the kernel fills it with its next timeout. */
const LEAST_BYTES = 128 * 1024;

/**
 * Bytes that no subflow carries any more, and that the peer's Multipath TCP has not acknowledged; 0 for what is usual.
 * The peer's TCP acknowledges a segment, then its Multipath TCP finds it beyond the window that it gave and drops it
 * (NoDSSInWindow in /proc/net/netstat, seen up to Linux 6.18). Of what is lost so the kernel sends one segment again per
 * timeout of the whole connection, a few kilobytes a second: a megabyte takes a minute. Kernels before 6.5 do not count
 * what is needed to tell.
 */
export function strandedBytes(info: ConnectionInfo | undefined): number {
  if (info?.mptcp !== true) return 0;
  // One that was ended waits for the answer to its FIN, with nothing of ours.
  if (info.subflows.some(({ state, unackedSegments }) => state === "established" && unackedSegments > 0))
    return 0;
  const bytes = info.bytesSent - info.bytesAcked;
  return bytes >= LEAST_BYTES ? bytes : 0;
}

import type { SubflowSight } from "./sight.ts";

/** A segment that waits this long (ms): the way is closed, or as good as closed. */
const DEAF_MS = 2000;

/** Whether the other end has neither answered on a subflow nor said anything for longer than any way needs. */
export const isDeaf = ({ unansweredMs, silentMs }: SubflowSight): boolean =>
  unansweredMs >= DEAF_MS && silentMs >= DEAF_MS;

/**
 * The subflows of a connection that are deaf while another still hears from the other end: it is the way, not the peer.
 * While they are there, the kernel waits with what was lost on them as long as for the slowest of its subflows, and
 * one that is deaf backs off up to two minutes (mptcp_set_timeout takes the longest).
 */
export function deadSubflows<S extends SubflowSight>(subflows: readonly S[]): readonly S[] {
  const hears = subflows.some(
    (one) => one.established && !isDeaf(one) && one.unansweredMs < DEAF_MS && one.silentMs < DEAF_MS,
  );
  return hears ? subflows.filter((one) => one.established && isDeaf(one)) : [];
}

import type { Frame } from "../wire/frames.ts";
import type { Carrier } from "./carrier.ts";

/**
 * Tells the other end about a subflow of `carrier`: there, since it is heard over its other subflows, and on the carrier with the
 * least to send, since the first may have much. To be told twice does no harm.
 */
export function tellVerdict(
  carriers: ReadonlySet<Carrier>,
  carrier: Carrier,
  verdict: Omit<Frame & { kind: "verdict" }, "kind" | "carrier">,
): void {
  const [shortest = carrier] = [...carriers].sort((a, b) => a.queuedBytes - b.queuedBytes);
  for (const one of new Set([carrier, shortest]))
    one.send({ kind: "verdict", carrier: carrier.number, ...verdict });
}

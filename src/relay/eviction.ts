import type { Carrier } from "./carrier.ts";
import type { Flow } from "./flow.ts";

/** Looks (one a second) at which a flow did not move before it counts as stuck at the local end. */
const UNREAD_LOOKS = 10;
/** The same for the peer's end, whose ACKs may be on their way on a carrier that nobody knows to be dead (care.ts: for 45 s). */
const UNTAKEN_LOOKS = 60;
/** Flows given up at one look: memory that comes free may be enough for the rest. */
const AT_A_TIME = 8;
/** Who holds less is not in anybody's way. */
const WORTH_BYTES = 16 * 1024;

interface Suspect {
  readonly movedBytes: number;
  readonly heldBytes: number;
  readonly carrier: Carrier | undefined;
  /** What the carrier was told until then. */
  readonly position: number;
  looks: number;
}

/**
 * Finds the flows whose memory keeps everybody from moving while they do not move themselves, for want of a reader: the
 * local end does not take what is there for it, or the peer has confirmed that it heard everything and still takes no more.
 * One that waits for its way is none of them.
 */
export class Eviction {
  #suspects = new Map<Flow, Suspect>();

  /** To be called once a second while memory is short; returns whom to give up, those that hold most first. */
  look(flows: Iterable<Flow>, carrierOf: (flow: Flow) => Carrier | undefined): Flow[] {
    const before = this.#suspects;
    const asked = new Set<Carrier>();
    this.#suspects = new Map();
    for (const flow of flows) {
      if (flow.heldBytes < WORTH_BYTES) continue;
      const carrier = carrierOf(flow);
      const suspect = goesOn(before.get(flow), flow, carrier) ?? fresh(flow, carrier);
      this.#suspects.set(flow, suspect);
      const isHeard = carrier !== undefined && carrier.heardUpTo >= suspect.position;
      if (flow.isUnread) suspect.looks += UNTAKEN_LOOKS / UNREAD_LOOKS;
      else if (isHeard) suspect.looks++;
      else if (carrier !== undefined) asked.add(carrier);
    }
    for (const carrier of asked) carrier.ping();
    return [...this.#suspects]
      .filter(([, { looks }]) => looks > UNTAKEN_LOOKS)
      .sort(([, a], [, b]) => b.heldBytes - a.heldBytes)
      .slice(0, AT_A_TIME)
      .map(([flow]) => flow);
  }

  /** Memory is not short any more. */
  clear(): void {
    this.#suspects.clear();
  }
}

const fresh = (flow: Flow, carrier: Carrier | undefined): Suspect => ({
  movedBytes: flow.bytesSent + flow.bytesReceived,
  heldBytes: flow.heldBytes,
  carrier,
  position: carrier?.position ?? 0,
  looks: 0,
});

function goesOn(suspect: Suspect | undefined, flow: Flow, carrier: Carrier | undefined): Suspect | undefined {
  if (suspect === undefined) return undefined;
  const { bytesSent, bytesReceived, heldBytes } = flow;
  const isSame =
    suspect.movedBytes === bytesSent + bytesReceived &&
    suspect.heldBytes === heldBytes &&
    suspect.carrier === carrier;
  return isSame ? suspect : undefined;
}

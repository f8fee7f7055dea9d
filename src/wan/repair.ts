/** One TCP connection of a carrier. */
export interface SubflowSight {
  readonly localAddress: string;
  readonly established: boolean;
  /** Since anything was heard from the other end. */
  readonly silentMs: number;
  /** For how long the other end has left a segment unanswered; 0 where none waits. */
  readonly unansweredMs: number;
}

export interface CarrierSight {
  /** What was asked of the kernel, and whether it speaks Multipath TCP now. */
  readonly transport: "mptcp" | "tcp";
  readonly mptcp: boolean;
  readonly draining: boolean;
  readonly ageMs: number;
  readonly subflows: readonly SubflowSight[];
}

/** An address from which carriers lack a working subflow. */
export interface Unused {
  readonly address: string;
  /** How many carriers lack it, of how many that should have it. */
  readonly lacking: number;
  readonly carriers: number;
  /** Repairs so far, the one that is due now included. */
  readonly repairs: number;
  /** Other carriers use it right now, so that a repair would cut what works: it waits until the WAN is quiet. */
  readonly busy: boolean;
}

export interface RepairDecision {
  readonly unused: readonly Unused[];
  /** The address whose MPTCP endpoint is to be made anew now: at most one at a time, so that the others carry on. */
  readonly repair: string | undefined;
}

/** Joins of a new carrier, or of a WAN that has come up, are made by then, also over a satellite with a SYN lost (ms). */
const SETTLED_MS = 3000;
/** A segment that waits this long (ms) while the same carrier hears from the other end elsewhere: the way is closed. */
const DEAF_MS = 2000;
/** Something was heard within this time (ms): the WAN carries, and is left alone whatever else is wrong. */
const QUIET_MS = 2000;
/** Least pauses (ms) after the first repair, the second, and every further one: what two did not cure is not to be hurried. */
const PAUSES_MS = [3000, 10_000, 30_000] as const;
/** A cure that held for less (ms) was none, and the pauses go on growing. Several times what it takes to see that a way is closed. */
const CURED_MS = 10_000;

interface Case {
  /** Since when the address is lacking, or since when no more. */
  since: number | undefined;
  wellSince: number | undefined;
  repairs: number;
  repairedAt: number;
}

interface Found extends Omit<Unused, "repairs"> {
  readonly known: Case;
}

/**
 * Decides when the kernel has to be made to connect anew from a WAN's address. It never does so by itself: a subflow
 * that was reset stays away, and one whose NAT mapping was lost stays established and deaf.
 */
export class RepairSchedule {
  readonly #cases = new Map<string, Case>();

  /**
   * To be asked about once a second (`now` in ms) with the addresses that carriers should use and all carriers there
   * are. Takes for granted that the repair it names is made.
   */
  decide(now: number, addresses: readonly string[], carriers: readonly CarrierSight[]): RepairDecision {
    for (const address of this.#cases.keys()) if (!addresses.includes(address)) this.#cases.delete(address);
    const found = addresses.flatMap((address) => this.#judge(now, address, carriers) ?? []);
    const chosen = found.find(({ busy, known }) => !busy && isDue(now, known));
    if (chosen !== undefined) {
      chosen.known.repairs++;
      chosen.known.repairedAt = now;
    }
    return {
      unused: found.map(({ known, ...unused }) => ({ ...unused, repairs: known.repairs })),
      repair: chosen?.address,
    };
  }

  #judge(now: number, address: string, carriers: readonly CarrierSight[]): Found | undefined {
    const expected = carriers.filter((carrier) => expects(carrier, address));
    const lacking = expected.filter((carrier) => !live(carrier).some(from(address)));
    // Where MPTCP does not pass, no join does; and the endpoint's removal would cut the carriers that do without.
    const stripped = carriers.some((carrier) => fellBack(carrier) && carrier.subflows.some(from(address)));
    if (lacking.length === 0 || stripped) {
      this.#isWell(now, address);
      return undefined;
    }
    const known = this.#cases.get(address) ?? {
      since: undefined,
      wellSince: undefined,
      repairs: 0,
      repairedAt: 0,
    };
    this.#cases.set(address, known);
    const waited = lacking.flatMap(({ subflows }) => subflows.filter(from(address)));
    const longest = Math.max(0, ...waited.map(({ unansweredMs }) => unansweredMs));
    known.wellSince = undefined;
    known.since = Math.min(known.since ?? now, now - longest);
    if (now - known.since < SETTLED_MS) return undefined;
    return {
      address,
      lacking: lacking.length,
      carriers: expected.length,
      busy: carriers.some((carrier) => leansOn(carrier, address)),
      known,
    };
  }

  #isWell(now: number, address: string): void {
    const known = this.#cases.get(address);
    if (known === undefined) return;
    known.since = undefined;
    known.wellSince ??= now;
    if (known.repairs === 0 || now - known.wellSince >= CURED_MS) this.#cases.delete(address);
  }
}

function isDue(now: number, { repairs, repairedAt }: Case): boolean {
  const pause = PAUSES_MS[Math.min(repairs, PAUSES_MS.length) - 1];
  return pause === undefined || now - repairedAt >= pause;
}

const from =
  (address: string) =>
  ({ localAddress }: SubflowSight): boolean =>
    localAddress === address;

/** MPTCP was asked for, and somebody on the way (or the other end) did not want it. */
export const fellBack = ({ transport, mptcp }: CarrierSight): boolean => transport === "mptcp" && !mptcp;

/** A segment waits, and meanwhile the carrier heard from the other end over another subflow: it is the way, not the peer. */
const isDeaf = (subflow: SubflowSight, { subflows }: CarrierSight): boolean =>
  subflow.unansweredMs >= DEAF_MS &&
  subflow.silentMs >= DEAF_MS &&
  subflows.some((other) => other.established && other.silentMs < subflow.unansweredMs);

const live = (carrier: CarrierSight): readonly SubflowSight[] =>
  carrier.subflows.filter((subflow) => subflow.established && !isDeaf(subflow, carrier));

/** A carrier that works should use every address of the families it uses at all. */
function expects(carrier: CarrierSight, address: string): boolean {
  const family = address.includes(":");
  return (
    carrier.mptcp &&
    !carrier.draining &&
    carrier.ageMs >= SETTLED_MS &&
    live(carrier).some(({ localAddress }) => localAddress.includes(":") === family)
  );
}

/** Whether the carrier would miss what it has there: bytes on their way, or its only subflow that works. */
function leansOn(carrier: CarrierSight, address: string): boolean {
  const working = live(carrier);
  const here = working.filter(from(address));
  return (
    here.some(({ silentMs }) => silentMs < QUIET_MS) || (here.length > 0 && here.length === working.length)
  );
}

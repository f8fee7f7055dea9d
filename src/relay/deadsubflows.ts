import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { dropOldest } from "../base/oldest.ts";
import type { Log } from "../base/log.ts";
import type { SockDiag } from "../linux/sockdiag.ts";
import { formatEndpoint } from "../linux/sockets.ts";
import { PathHealth } from "../wan/health.ts";
import type { SubflowSight } from "../wan/sight.ts";
import { Watch, type Watched } from "../wan/watch.ts";
import { Verdict } from "../wire/constants.ts";
import type { Frame } from "../wire/frames.ts";
import type { Carrier } from "./carrier.ts";
import { sightsOf } from "./sight.ts";
import { inTurns } from "./turns.ts";
import { tellVerdict } from "./verdict.ts";

/** What is asked of a session here. */
export interface Carriers {
  readonly carriers: ReadonlySet<Carrier>;
}

export interface DeadSubflowsOptions {
  readonly sessions: () => Iterable<Carriers>;
  readonly sockDiag: SockDiag;
  readonly clock: Clock;
  readonly log: Log;
}

/** A fifth of the least time after which a subflow can be dead, so that looking adds little to it (ms). */
const LOOK_EVERY_MS = 25;
/** What a subflow may be silent for while others on its path are heard (ms): several retransmissions. */
const ALONE_MS = 1000;
/** Looks at a time: each takes some 30 µs, and a server with hundreds of busy carriers has other work as well. */
const MAX_LOOKS = 32;
/** Verdicts of one peer that are obeyed at once, until the next look; others wait for it: each takes several times as long. */
const OBEYED_AT_ONCE = 8;
/** Verdicts of one peer that wait: several for each carrier that it may have. The kernel tells what is lost here as well. */
const MAX_VERDICTS = 512;
/** Addresses that a peer was heard from and whose health is known: several for each WAN, as NATs change them. */
const MAX_PATHS = 64;

type VerdictFrame = Frame & { kind: "verdict" };

/**
 * Ends, at the accepting side, subflows on which a peer that is heard elsewhere does not answer, and tells it: the
 * dialling side can't see that what is sent to it is lost. What was lost with them the kernel sends again elsewhere, at
 * once. It joins anew when it finds the way good (Subflows).
 */
export class DeadSubflows {
  readonly #options: DeadSubflowsOptions;
  readonly #peers = new Map<Carriers, Peer>();
  #turn = 0;
  #cancel: (() => void) | undefined;

  constructor(options: DeadSubflowsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel ??= this.#options.clock.every(LOOK_EVERY_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The peer has ended subflows of ours; the same is done here. Others' connections can't be meant: they are none of its carriers. */
  onVerdict(session: Carriers, frame: VerdictFrame): void {
    if (frame.verdict !== Verdict.DEAD) return;
    const peer = this.#peerOf(session);
    if (peer.mayObeyNow()) this.#obey(session, frame);
    else peer.postpone(frame);
  }

  #obey(session: Carriers, { carrier: number, addressId }: VerdictFrame): void {
    const carrier = [...session.carriers].find((one) => one.number === number);
    if (carrier === undefined) return;
    const alive = sightsOf(carrier.info()).filter(({ established }) => established);
    const meant = alive.filter((subflow) => this.#addressId(subflow) === addressId);
    // With the last one the connection itself would end.
    if (meant.length < alive.length) for (const subflow of meant) this.#end(carrier, subflow);
  }

  #look(): void {
    const sessions = new Set(this.#options.sessions());
    for (const session of this.#peers.keys()) if (!sessions.has(session)) this.#peers.delete(session);
    const queues = [...sessions].map((session) => this.#due(session)).filter(({ length }) => length > 0);
    const due = inTurns(queues, this.#turn, MAX_LOOKS);
    this.#turn = queues.length > MAX_LOOKS ? (this.#turn + MAX_LOOKS) % queues.length : 0;
    for (const act of due) act();
  }

  /** What is to be done for a session: what it was told, and then looks, at what was not looked at for longest first. */
  #due(session: Carriers): readonly (() => void)[] {
    const peer = this.#peerOf(session);
    return [
      ...peer.postponed().map((take) => () => this.#obey(session, take())),
      ...peer.due(session).map((carrier) => () => this.#watch(session, peer, carrier)),
    ];
  }

  #peerOf(session: Carriers): Peer {
    const peer = this.#peers.get(session) ?? new Peer();
    this.#peers.set(session, peer);
    return peer;
  }

  #watch(session: Carriers, peer: Peer, carrier: Carrier): void {
    const now = this.#options.clock.now();
    const dead = peer.look(now, carrier).filter((one) => peer.isDead(now, one));
    for (const { subflow, patienceMs } of dead) {
      const { address } = subflow.remote;
      peer.pathFrom(address).lost(now, patienceMs);
      // Also those on which nothing waits: the next request would.
      for (const other of session.carriers) this.#endAll(session, peer, other, address);
    }
  }

  #endAll(session: Carriers, peer: Peer, carrier: Carrier, address: string): void {
    const now = this.#options.clock.now();
    const watched = peer.look(now, carrier);
    const isGone = (one: Watched): boolean =>
      peer.isDead(now, one) || peer.pathFrom(one.subflow.remote.address).gone(one.heardAt);
    if (!watched.some((one) => one.subflow.established && !isGone(one))) return;
    for (const one of watched) {
      if (one.subflow.remote.address !== address || !isGone(one)) continue;
      const addressId = this.#addressId(one.subflow);
      if (!this.#end(carrier, one.subflow) || addressId === undefined) continue;
      tellVerdict(session.carriers, carrier, { addressId, verdict: Verdict.DEAD });
    }
  }

  /** What the peer calls its end of that subflow. */
  #addressId({ local, remote }: SubflowSight): number | undefined {
    try {
      return this.#options.sockDiag.find({ local, remote })?.subflow?.remoteId;
    } catch (error) {
      // The kernel can't be asked now (no descriptors, for one); the peer finds out by itself.
      this.#options.log.warn({ why: messageOf(error) }, "address id of a subflow not known");
      return undefined;
    }
  }

  #end(carrier: Carrier, { local, remote, silentMs, rttMs, unacked }: SubflowSight): boolean {
    const { sockDiag, log } = this.#options;
    const fields = { carrier: carrier.number, remote: formatEndpoint(remote), silentMs, rttMs, unacked };
    try {
      const ended = sockDiag.destroy({ local, remote });
      log.info({ ...fields, ended }, "subflow without an answer");
      return ended === "done";
    } catch (error) {
      log.warn({ ...fields, why: messageOf(error) }, "subflow without an answer not ended");
      return false;
    }
  }
}

/** What is kept of one carrier. */
interface Known {
  readonly watch: Watch;
  bytesOut: number;
  /** It sent something that was not looked at yet. */
  waits: boolean;
  /** When it was looked at last (ms). */
  lookedAt: number;
}

const newlyKnown = (): Known => ({ watch: new Watch(), bytesOut: 0, waits: false, lookedAt: -Infinity });

/** What is kept of one session. */
class Peer {
  readonly #watches = new Map<Carrier, Known>();
  /** In the order in which they were asked for last. */
  readonly #paths = new Map<string, PathHealth>();
  /** By what they are about: the same one twice says nothing more. */
  readonly #verdicts = new Map<string, VerdictFrame>();
  #obeyed = 0;

  /** Whether one more verdict may be obeyed before the next look. */
  mayObeyNow(): boolean {
    return this.#obeyed++ < OBEYED_AT_ONCE;
  }

  postpone(frame: VerdictFrame): void {
    this.#verdicts.set(`${frame.carrier} ${frame.addressId}`, frame);
    dropOldest(this.#verdicts, MAX_VERDICTS);
  }

  /** Verdicts that wait for this look, each to be taken where it has its turn. */
  postponed(): readonly (() => VerdictFrame)[] {
    this.#obeyed = 0;
    return [...this.#verdicts].map(([name, frame]) => () => {
      this.#verdicts.delete(name);
      return frame;
    });
  }

  /** Those that sent something since, or wait for an answer, the one that was not looked at for longest first. */
  due({ carriers }: Carriers): readonly Carrier[] {
    for (const carrier of this.#watches.keys()) if (carrier.closed) this.#watches.delete(carrier);
    const due = [...carriers].filter((carrier) => {
      if (carrier.transport !== "mptcp") return false;
      const known = this.#known(carrier);
      const moved = known.bytesOut !== carrier.bytesOut;
      known.bytesOut = carrier.bytesOut;
      known.waits ||= moved;
      return known.waits || known.watch.waiting;
    });
    return due.sort((a, b) => this.#known(a).lookedAt - this.#known(b).lookedAt);
  }

  look(now: number, carrier: Carrier): readonly Watched[] {
    const known = this.#known(carrier);
    known.lookedAt = now;
    known.waits = false;
    const watched = known.watch.look(now, sightsOf(carrier.info()));
    for (const { subflow, heardAt } of watched) this.pathFrom(subflow.remote.address).heard(heardAt);
    return watched;
  }

  /** Ending a subflow costs a NAT entry: one that is silent alone, where its path works for others, is given time. */
  isDead(now: number, { judgement, subflow, heardAt }: Watched): boolean {
    const isAlone = this.pathFrom(subflow.remote.address).spares(now, heardAt);
    return judgement === "dead" && (!isAlone || now - heardAt >= ALONE_MS);
  }

  /** A path, as it is seen from here: by the address that the peer's packets have after all NATs. */
  pathFrom(address: string): PathHealth {
    const path = this.#paths.get(address) ?? new PathHealth();
    this.#paths.delete(address);
    this.#paths.set(address, path);
    dropOldest(this.#paths, MAX_PATHS);
    return path;
  }

  #known(carrier: Carrier): Known {
    const known = this.#watches.get(carrier) ?? newlyKnown();
    this.#watches.set(carrier, known);
    return known;
  }
}

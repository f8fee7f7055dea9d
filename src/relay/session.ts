import type { Clock } from "../base/clock.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Target } from "../wire/address.ts";
import { Refusal, ResetReason, type TrafficClass } from "../wire/constants.ts";
import type { Frame, PathFrame } from "../wire/frames.ts";
import { ROOM_TICK_MS } from "../wan/room.ts";
import type { WindowBudget } from "./budget.ts";
import type { Carrier, CarrierUser } from "./carrier.ts";
import { Eviction } from "./eviction.ts";
import { Flow, type FlowEnd, type FlowHost } from "./flow.ts";
import { FlowIds } from "./flowids.ts";
import { GRACE_MS } from "./limits.ts";
import { Insistence } from "./insistence.ts";
import { Lanes } from "./lanes.ts";
import { Liveness, LIVENESS_TICK_MS } from "./liveness.ts";
import type { LocalEnd } from "./localend.ts";
import { PACE_TICK_MS } from "./pace.ts";
import { pickCarrier } from "./pick.ts";
import { Receipts } from "./receipts.ts";
import { Throttle } from "./throttle.ts";
import { careFor, lastHeardAt, longestPathMs } from "./care.ts";

export interface SessionOptions {
  /** 16 bytes, chosen by the dialling side. */
  readonly id: Buffer;
  /** The dialling side opens flows with odd ids, the other with even ones. */
  readonly dialled: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: WindowBudget;
  /** Most flows at a time; more are refused. */
  readonly maxFlows: number;
  /** The peer opens a flow: to be answered by `flow.accept` or `flow.refuse`. */
  readonly onOpen: (flow: Flow) => void;
  /** A flow that we opened could not be. */
  readonly onRefused?: (flow: Flow, reason: Refusal) => void;
  /** The peer tells something about the paths under the carriers. */
  readonly onPathFrame?: (frame: PathFrame) => void;
  /** Somebody has waited for the peer, and it is asked for a sign of life. */
  readonly onAsking?: () => void;
  /** A carrier came or went, the peer began or ceased to answer, or the wait for a carrier is over. */
  readonly onCarriers?: () => void;
}

/** How long consumed bytes may wait to be acknowledged (ms). */
const ACK_DELAY_MS = 25;
/** Seconds for which a quiet flow that did something counts as one that has something to say. */
const OTHERS_TICKS = 2;
/** How often memory is looked at while it is short (ms): it may come free in a moment. */
const SHORT_TICK_MS = 50;
/** Seconds that a new flow waits for an answer while there is no peer to give it. */
const UNANSWERED_TICKS = 1;

export interface SessionCounts {
  opened: number;
  refused: number;
  reset: number;
  /** Carriers that were lost. */
  carriersLost: number;
  /** Times a flow went on elsewhere because its carrier was lost. */
  moved: number;
}

/**
 * What a router and a server share across all carriers: the flows. Both ends run this class; it knows neither which
 * role it plays nor where flows come from and go to.
 */
export class Session implements FlowHost, CarrierUser {
  readonly id: Buffer;
  readonly startedAt: number;
  /** How long flows wait for a carrier while there is none (ms); then they are reset. */
  graceMs = GRACE_MS;
  readonly counts: SessionCounts = { opened: 0, refused: 0, reset: 0, carriersLost: 0, moved: 0 };
  readonly #options: SessionOptions;
  readonly #log: Log;
  readonly #carriers = new Set<Carrier>();
  readonly #flows = new Map<number, Flow>();
  readonly #receipts = new Receipts();
  readonly #lanes = new Lanes(this.#carriers, this.#receipts);
  readonly #insistence = new Insistence(this.#receipts, () => this.#speaking);
  readonly #ids: FlowIds;
  readonly #eviction = new Eviction();
  readonly #throttle = new Throttle();
  /** Quiet flows that did something lately. */
  #others = 0;
  readonly #ackDue = new Set<Flow>();
  /** Flows with bytes for their local ends, of what is being read from a carrier. */
  #arrived: Flow[] = [];
  readonly #liveness = new Liveness();
  #cancelShort: (() => void) | undefined;
  #cancelAck: (() => void) | undefined;
  #cancelHousekeeping: (() => void) | undefined;
  #cancelRoom: (() => void) | undefined;
  #cancelLiveness: (() => void) | undefined;
  /** Who it is that remembers our flows at the other end. */
  #peerInstance: Buffer | undefined;
  #peerLeaves = false;
  #lonelySince: number;
  #pastBytesIn = 0;
  #pastBytesOut = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.#ids = new FlowIds(options.dialled);
    this.#log = options.log;
    this.startedAt = this.#lonelySince = options.clock.now();
  }

  /** Whether new flows have a chance: a carrier is up, and the peer answers. */
  get usable(): boolean {
    return pickCarrier(this.#carriers) !== undefined && this.#liveness.responsive;
  }

  get carriers(): ReadonlySet<Carrier> {
    return this.#carriers;
  }

  /** Bytes of all carriers there ever were. */
  get bytesIn(): number {
    return [...this.#carriers].reduce((sum, carrier) => sum + carrier.bytesIn, this.#pastBytesIn);
  }

  get bytesOut(): number {
    return [...this.#carriers].reduce((sum, carrier) => sum + carrier.bytesOut, this.#pastBytesOut);
  }

  /** Bytes kept in this process for the session's flows. */
  get heldBytes(): number {
    let sum = 0;
    for (const flow of this.#flows.values()) sum += flow.heldBytes;
    return sum;
  }

  get flows(): ReadonlyMap<number, Flow> {
    return this.#flows;
  }

  /** Flows that have much to say at present: each is best off with a carrier of its own. */
  get bulkFlows(): number {
    return this.#lanes.bulkFlows;
  }

  /** Whether the other end's process is being replaced: it ends with its flows, and knows of none that begins elsewhere. */
  get peerLeaves(): boolean {
    return this.#peerLeaves;
  }

  /** Since when there has been no carrier (ms of the clock); undefined while there is one. */
  get lonelySince(): number | undefined {
    return this.#carriers.size === 0 ? this.#lonelySince : undefined;
  }

  /** Whether nothing would be lost with it. */
  get isEmpty(): boolean {
    const nothingToSay = this.#insistence.isEmpty || this.#hasExpired;
    return this.#carriers.size === 0 && this.#flows.size === 0 && nothingToSay;
  }

  /**
   * Takes over an established carrier. `instance` tells who is at the other end: another than before has forgotten all
   * flows, which are reset.
   */
  addCarrier(carrier: Carrier, instance?: Buffer): void {
    if (instance !== undefined && !this.#mayMeet(instance)) {
      carrier.close();
      return;
    }
    if (instance !== undefined) this.#meet(instance);
    this.#carriers.add(carrier);
    carrier.use(this);
    const { clock } = this.#options;
    this.#cancelHousekeeping ??= clock.every(PACE_TICK_MS, () => this.#housekeeping());
    this.#cancelRoom ??= clock.every(ROOM_TICK_MS, () => this.#lookForRoom());
    this.#cancelLiveness ??= clock.every(LIVENESS_TICK_MS, () => this.#checkLiveness());
    this.#insistence.resume();
    this.#lanes.resume();
    this.#options.onCarriers?.();
  }

  /** Opens a flow to `target` for a connection that waits. Throws class `network` when no carrier lives, `busy` when there are too many flows. */
  open(target: Target, cls: TrafficClass, local: LocalEnd): Flow {
    if (pickCarrier(this.#carriers) === undefined)
      throw new SennitError("network", "no-carrier", "no carrier to the server is up");
    if (this.#flows.size >= this.#options.maxFlows || this.exhausted) {
      throw new SennitError("network", "busy", `no more beside ${this.#flows.size} flows`);
    }
    const flow = this.#add(
      new Flow(
        this.#ids.take((id) => this.#flows.has(id)),
        target,
        cls,
        true,
        this,
      ),
    );
    flow.open();
    this.#liveness.opened(this.#options.clock.now(), lastHeardAt(this.#carriers));
    flow.attach(local);
    return flow;
  }

  /** Resets every flow and closes every carrier. */
  close(): void {
    this.#options.budget.note(this, 0);
    for (const flow of this.#flows.values()) flow.reset(ResetReason.STOPPING);
    this.#insistence.clear();
    for (const carrier of this.#carriers) carrier.close();
    this.#cancelAck?.();
    this.#cancelShort?.();
    this.#cancelHousekeeping?.();
    this.#cancelHousekeeping = undefined;
    this.#cancelRoom?.();
    this.#cancelRoom = undefined;
    this.#cancelLiveness?.();
    this.#cancelLiveness = undefined;
  }

  /** Tells the peer that this process is being replaced, and goes on with the flows there are. */
  leave(): void {
    this.#insistence.say({ kind: "leaving" });
  }

  /** Asks the peer to open nothing more on `carrier`; it is closed when nobody speaks there any more. */
  drain(carrier: Carrier): void {
    if (carrier.draining) return;
    carrier.draining = true;
    carrier.send({ kind: "goaway" });
    this.#options.onCarriers?.();
  }

  // FlowHost

  window({ pace }: Flow): number {
    return this.#options.budget.window(pace.need);
  }

  get exhausted(): boolean {
    return this.#options.budget.exhausted;
  }

  deliverSoon(flow: Flow): void {
    this.#arrived.push(flow);
  }

  ackSoon(flow: Flow): void {
    this.#ackDue.add(flow);
    this.#cancelAck ??= this.#options.clock.after(ACK_DELAY_MS, this.#flushAcks);
  }

  admits(flow: Flow): boolean {
    return this.#throttle.admits(flow);
  }

  underway(bytes: number): void {
    this.#throttle.moved(bytes);
  }

  findLane(flow: Flow): Carrier | undefined {
    return this.#lanes.find(flow);
  }

  flowClosed(flow: Flow, end: FlowEnd, lastWord: Frame | undefined): void {
    this.#flows.delete(flow.id);
    this.#ackDue.delete(flow);
    this.#throttle.forget(flow);
    if (flow.pace.isActive) this.#options.budget.active--;
    this.#ids.ended(flow.id);
    const carrier = this.#lanes.forget(flow);
    if (end !== "done") this.counts[end]++;
    if (lastWord === undefined) return;
    // The last ACK of a flow that went well has been said; where that may not have been heard, it is said again.
    if (end === "done" && carrier !== undefined) this.#insistence.said(lastWord, carrier);
    else this.#insistence.say(lastWord, carrier);
  }

  // CarrierUser

  data(id: number, offset: number, bytes: Buffer, carrier: Carrier): void {
    const flow = this.#flows.get(id);
    if (flow === undefined) {
      this.#strange(id, carrier);
      return;
    }
    try {
      flow.onData(offset, bytes);
    } catch (error) {
      this.#blame(flow, error);
    }
  }

  settle(): void {
    const arrived = this.#arrived;
    if (arrived.length === 0) return;
    this.#arrived = [];
    for (const flow of arrived) flow.deliver();
  }

  frame(frame: Frame, carrier: Carrier): void {
    switch (frame.kind) {
      case "ping":
        carrier.send({ kind: "pong", nonce: frame.nonce });
        return;
      case "pong":
        this.#onPong(frame.nonce, carrier);
        return;
      case "goaway":
        carrier.peerDraining = true;
        this.drain(carrier);
        return;
      case "leaving":
        if (this.#peerLeaves) return;
        this.#peerLeaves = true;
        this.#options.onCarriers?.();
        return;
      case "verdict":
      case "probe-key":
        this.#options.onPathFrame?.(frame);
        return;
      case "lost":
        this.#onLost(frame.carrier);
        return;
      case "open":
        this.#onOpen(frame, carrier);
        return;
      case "hello":
      case "welcome":
      case "reject":
        carrier.close(new SennitError("peer", "malformed", `${frame.kind} on an established carrier`));
        return;
      default:
        this.#onFlowFrame(frame, carrier);
    }
  }

  carrierClosed(carrier: Carrier, error: Error | undefined): void {
    if (!this.#carriers.delete(carrier)) return;
    this.#pastBytesIn += carrier.bytesIn;
    this.#pastBytesOut += carrier.bytesOut;
    if (this.#carriers.size === 0) this.#lonelySince = this.#options.clock.now();
    const fields = { carrier: carrier.number, flows: carrier.flows.size, why: error && messageOf(error) };
    if (error === undefined) this.#log.info(fields, "carrier closed");
    else this.#log.warn(fields, "carrier lost");
    if (error !== undefined) this.counts.carriersLost++;
    // First, so that the peer listens there no more when it hears what is said again.
    if (error !== undefined && !isToldByPeer(error)) {
      this.#insistence.say({ kind: "lost", carrier: carrier.number });
    }
    this.#receipts.lost(carrier);
    this.counts.moved += this.#lanes.lost(carrier);
    this.#options.onCarriers?.();
  }

  /** Not the successor of a process that leaves, as long as that one is there. */
  #mayMeet(instance: Buffer): boolean {
    const isKnown = this.#peerInstance?.equals(instance) ?? true;
    return isKnown || !this.#peerLeaves || this.#carriers.size === 0;
  }

  /** The other end remembers nothing of what another said. */
  #meet(instance: Buffer): void {
    const before = this.#peerInstance;
    this.#peerInstance = instance;
    if (before === undefined || before.equals(instance)) return;
    this.#peerLeaves = false;
    this.#log.warn({ flows: this.#flows.size }, "the other end has started anew: flows are reset");
    for (const carrier of this.#carriers) {
      carrier.close(new SennitError("peer", "restarted", "the other end has started anew"));
    }
    // One that was not answered is asked for again, unless a target may have heard its bytes. The peer is told of the
    // others: news of its start may come late, and then it knows them.
    for (const flow of this.#flows.values()) {
      if (flow.isOpen || flow.bytesSent > 0) flow.reset(ResetReason.UNKNOWN_FLOW);
    }
  }

  #onPong(nonce: number, carrier: Carrier): void {
    try {
      carrier.onPong(nonce);
      this.#receipts.heard(carrier);
    } catch (error) {
      carrier.close(error as Error);
    }
  }

  /** The peer has given a carrier up that may still live here. */
  #onLost(number: number): void {
    for (const carrier of this.#carriers) {
      if (carrier.number === number)
        carrier.close(new SennitError("network", TOLD_BY_PEER, "the other end gave it up"));
    }
  }

  #onOpen(frame: Frame & { kind: "open" }, carrier: Carrier): void {
    const { flow: id, target, cls, window } = frame;
    if (this.#ids.isOurs(id)) {
      carrier.close(
        new SennitError("peer", "bad-flow-id", `the peer opened flow ${id}, which is not its to open`),
      );
      return;
    }
    // Said again because the carrier of the first was lost, or that first one, late.
    if (this.#flows.has(id) || this.#ids.hasEnded(id)) return;
    const flow = this.#add(new Flow(id, target, cls, false, this));
    this.#lanes.board(flow, carrier);
    flow.onOpened(window);
    if (this.#flows.size > this.#options.maxFlows || this.exhausted) flow.refuse(Refusal.BUSY);
    else this.#options.onOpen(flow);
  }

  #onFlowFrame(frame: Exclude<Extract<Frame, { flow: number }>, { kind: "open" }>, carrier: Carrier): void {
    const flow = this.#flows.get(frame.flow);
    if (flow === undefined) {
      // An OPEN that comes after its RESET, on a slower carrier, opens nothing.
      if (frame.kind === "reset") this.#ids.ended(frame.flow);
      else if (frame.kind !== "ack") this.#strange(frame.flow, carrier);
      return;
    }
    try {
      switch (frame.kind) {
        case "opened":
          flow.onOpened(frame.window);
          return;
        case "ack":
          flow.onAck(frame.offset, frame.window, frame.fin);
          return;
        case "fin":
          flow.onFin(frame.offset);
          return;
        case "reset":
          flow.onReset();
          return;
        case "refused":
          this.#options.onRefused?.(flow, frame.reason);
          flow.onRefused();
          return;
      }
    } catch (error) {
      this.#blame(flow, error);
    }
  }

  /** A peer that breaks the rules of one flow loses that flow, and no other. */
  #blame(flow: Flow, error: unknown): void {
    if (!(error instanceof SennitError) || error.causeClass !== "peer") throw error;
    this.#log.warn(
      { flow: flow.id, code: error.code, why: error.message },
      "flow reset: the peer broke its rules",
    );
    flow.reset(ResetReason.PROTOCOL);
  }

  /** Something for a flow that is not here: late when it was here, else the peer must learn that nobody listens. */
  #strange(id: number, carrier: Carrier): void {
    if (this.#ids.hasEnded(id)) return;
    this.#ids.ended(id);
    this.#insistence.say({ kind: "reset", flow: id, reason: ResetReason.UNKNOWN_FLOW }, carrier);
  }

  #add(flow: Flow): Flow {
    this.#flows.set(flow.id, flow);
    this.#options.budget.active++;
    this.counts.opened++;
    return flow;
  }

  readonly #flushAcks = (): void => {
    this.#cancelAck = undefined;
    for (const flow of this.#ackDue) {
      if (flow.flushAck()) this.#ackDue.delete(flow);
    }
    if (this.#ackDue.size > 0) this.#cancelAck = this.#options.clock.after(ACK_DELAY_MS, this.#flushAcks);
  };

  /** Another session with the same peer waits for it: ask it here as well, whether or not somebody waits. */
  doubt(): void {
    if (this.#carriers.size === 0 || !this.#liveness.doubt(this.#options.clock.now())) return;
    for (const carrier of this.#carriers) carrier.ping();
  }

  #checkLiveness(): void {
    const before = this.#liveness.responsive;
    const now = this.#options.clock.now();
    if (this.#liveness.tick(now, lastHeardAt(this.#carriers))) {
      for (const carrier of this.#carriers) carrier.ping();
      this.#options.onAsking?.();
    }
    if (this.#liveness.responsive === before) return;
    this.#log.warn({ answers: !before }, before ? "the peer does not answer" : "the peer answers again");
    this.#options.onCarriers?.();
    if (!this.usable) this.#letGo();
  }

  /** Counts what is held and who needs how much, once a second: each flow alone is bounded by its window meanwhile. */
  #weigh(): void {
    const { budget } = this.#options;
    const rttMs = longestPathMs(this.#carriers);
    let held = 0;
    this.#others = 0;
    for (const { pace, bytesSent, bytesReceived, heldBytes } of this.#flows.values()) {
      held += heldBytes;
      const wasActive = pace.isActive;
      pace.tick({ movedBytes: bytesSent + bytesReceived, heldBytes, rttMs });
      if (!pace.isBulk && pace.idleTicks <= OTHERS_TICKS) this.#others++;
      budget.active += Number(pace.isActive) - Number(wasActive);
    }
    budget.note(this, held);
    if (budget.exhausted) this.#evict();
    else this.#eviction.clear();
    for (const flow of this.#flows.values()) {
      flow.boundLocal();
      flow.countUnderway();
    }
    this.#readOn();
  }

  /** Where memory is short, nobody reads: looks again soon, and lets all read on as soon as it is not. */
  #readOn(): void {
    const { budget, clock } = this.#options;
    this.#cancelShort?.();
    this.#cancelShort = undefined;
    if (!budget.exhausted) {
      for (const flow of this.#flows.values()) flow.readOn();
      return;
    }
    this.#cancelShort = clock.after(SHORT_TICK_MS, () => {
      budget.note(this, this.heldBytes);
      this.#readOn();
    });
  }

  /** Memory that is held for those who do not move keeps everybody from moving: theirs is given up first. */
  #evict(): void {
    for (const flow of this.#eviction.look(this.#flows.values(), (one) => this.#lanes.carrierOf(one))) {
      this.#log.warn(
        { flow: flow.id, heldBytes: flow.heldBytes },
        "flow reset: nobody reads what it holds, and others need the memory",
      );
      flow.reset(ResetReason.EXPIRED);
    }
  }

  #lookForRoom(): void {
    this.#throttle.look(this.#carriers, this.bulkFlows, this.#others > 0);
  }

  #housekeeping(): void {
    const now = this.#options.clock.now();
    this.#weigh();
    this.#lanes.arrange(this.#flows.values());
    for (const carrier of this.#carriers) this.#look(carrier, now);
    if (this.#hasExpired) this.#expire();
    else if (!this.usable) this.#letGo();
  }

  /** Who asks for something new while nobody answers is told so: the next try goes out directly. */
  #letGo(): void {
    for (const flow of this.#flows.values()) {
      if (flow.isAsking && flow.pace.idleTicks >= UNANSWERED_TICKS) flow.reset(ResetReason.EXPIRED);
    }
  }

  #look(carrier: Carrier, now: number): void {
    carrier.tick();
    const care = careFor(carrier, now, this.#receipts.isOwed(carrier));
    if (care === "ping") carrier.ping();
    else if (care !== undefined) carrier.close(care === "close" ? undefined : care);
  }

  get #hasExpired(): boolean {
    const since = this.lonelySince;
    return since !== undefined && this.#options.clock.now() - since > this.graceMs;
  }

  /** Nobody came for too long: who waits is told. */
  #expire(): void {
    if (this.#flows.size === 0) return;
    this.#log.warn({ flows: this.#flows.size }, "no carrier for too long: flows are reset");
    // The peer is told when it comes back after all: it may have waited less long.
    for (const flow of this.#flows.values()) flow.reset(ResetReason.EXPIRED);
    this.#options.onCarriers?.();
  }

  /** Where something can be said to the peer that knows us. */
  get #speaking(): Carrier | undefined {
    return this.#lanes.anyOpen;
  }
}

const TOLD_BY_PEER = "given-up";

const isToldByPeer = (error: Error): boolean => error instanceof SennitError && error.code === TOLD_BY_PEER;

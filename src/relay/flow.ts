import {
  MAX_DATA_BYTES,
  INITIAL_WINDOW,
  type Refusal,
  ResetReason,
  type TrafficClass,
} from "../wire/constants.ts";
import type { Target } from "../wire/address.ts";
import { malformed } from "../wire/bytes.ts";
import type { Frame } from "../wire/frames.ts";
import { Inbox } from "./inbox.ts";
import type { LocalEnd } from "./localend.ts";
import { Pace } from "./pace.ts";
import { ReceiveBuffer } from "./receivebuffer.ts";
import { SendBuffer, type Range } from "./sendbuffer.ts";

/** What a flow needs of the carrier it rides on. */
export interface Lane {
  /** Puts a frame behind what is queued already. */
  send(frame: Frame): void;
  /** Puts bytes of a flow behind what is queued already; only to be called from `produce`. */
  data(flow: number, range: Range): void;
  /** The flow has bytes or a FIN to send; the lane will call `produce` when it is this flow's turn. */
  ready(flow: Flow): void;
}

/** What a flow needs of its session. */
export interface FlowHost {
  /** Bytes that this flow may have under way, in either direction: what it needs, as far as there is memory. */
  window(flow: Flow): number;
  /** Whether a flow may send now; if not, `goOn` is called once it may. */
  admits(flow: Flow): boolean;
  /** So many more bytes are under way to the peer, or fewer. */
  underway(bytes: number): void;
  /** True while this process holds more than it should: nothing more is to be read from local ends. */
  readonly exhausted: boolean;
  /** A lane for a flow that has something to say; undefined where there is none: `ride` is called once there is. */
  findLane(flow: Flow): Lane | undefined;
  /** Asks for `deliver` to be called as soon as all that came at once was handed on. */
  deliverSoon(flow: Flow): void;
  /** Asks for `flushAck` to be called within 25 ms. */
  ackSoon(flow: Flow): void;
  /** Called once, when nothing more will happen; `lastWord` is what the peer must hear, whatever becomes of the lane. */
  flowClosed(flow: Flow, end: FlowEnd, lastWord: Frame | undefined): void;
}

/** How a flow ended: everything went both ways, it never began, or it was cut. */
export type FlowEnd = "done" | "refused" | "reset";

/** An ACK goes out at once when this much was consumed since the last, however large the window is. */
const ACK_EVERY_BYTES = 256 * 1024;
/** The share of the window that may be consumed before an ACK goes out: the sender never runs dry waiting for one. */
const ACK_WINDOW_SHARE = 4;
/** Above this many unsent bytes the application is not read any further; a few reads' worth, so that a carrier's turn finds work. */
const UNSENT_HIGH = 256 * 1024;
/** The same where it has to wait its turn among others: one read's worth. */
const UNSENT_HIGH_IN_LINE = 64 * 1024;
/** Below this share of it, it is read again. */
const LOW_SHARE = 4;
/** Seconds without a byte after which what was sent waits for a reader, not for the way: longer than any path takes. */
const UNREAD_TICKS = 2;
/** What the kernel may keep of a local end that is not read: at most (it is left to find its own size) and at least. */
const LOCAL_BOUND_MAX = 8 * 1024 * 1024;
const LOCAL_BOUND_MIN = 64 * 1024;

/**
 * One proxied TCP connection: a byte stream with absolute offsets in both directions, a local end, and the lane on which
 * this end speaks at present, if it has anything to say. All frames of a flow may be said twice and heard in any order,
 * so each end chooses its lane by itself, and where one is lost says again on another what may not have been heard.
 * Both ends of a session run the same code.
 */
export class Flow {
  readonly id: number;
  readonly target: Target;
  readonly cls: TrafficClass;
  readonly pace = new Pace();
  /** Called when the flow ends before its local end is there: whoever fetches that one may stop. */
  onClosed: (() => void) | undefined;
  readonly #host: FlowHost;
  /** Whether this end asked for it. */
  readonly #opener: boolean;
  readonly #send = new SendBuffer(INITIAL_WINDOW);
  readonly #receive = new ReceiveBuffer(INITIAL_WINDOW);
  #lane: Lane | undefined;
  #localBound = LOCAL_BOUND_MAX;
  #local: LocalEnd | undefined;
  /** What came; bounded by the initial window while there is no local end to give it to. */
  readonly #inbox = new Inbox();
  #deliverDue = false;
  /** OPEN or OPENED is to be said. */
  #greetingDue = false;
  /** Anything was heard of it after OPEN, or OPENED was said: the peer has the flow, or will. */
  #open = false;
  /** An ACK is to be said, whether it is news or not. */
  #ackDue = false;
  #ackedOffset = 0;
  /** As the host knows it. */
  #underway = 0;
  /** Whether it stood in line for room when it last wanted to send. */
  #isHeldBack = false;
  /** The application has ended its direction. */
  #finWanted = false;
  #finSaid = false;
  /** It was said on a lane that was lost. */
  #finLost = false;
  #finAcked = false;
  #endedLocal = false;
  #finAckWanted = false;
  #finAckSent = false;
  #closed = false;

  constructor(id: number, target: Target, cls: TrafficClass, opener: boolean, host: FlowHost) {
    this.id = id;
    this.target = target;
    this.cls = cls;
    this.#opener = opener;
    this.#host = host;
  }

  /** Where this end speaks; undefined while it has nothing to say, or nowhere to. */
  get lane(): Lane | undefined {
    return this.#lane;
  }

  get bytesSent(): number {
    return this.#send.sent;
  }

  get bytesReceived(): number {
    return this.#receive.next;
  }

  /** Bytes kept in this process for this flow: unsent, unacknowledged, early, or waiting for a slow local end. */
  get heldBytes(): number {
    return this.#send.held + this.#receive.held + this.#undelivered;
  }

  /** Its local end does not take what is there for it. */
  get isUnread(): boolean {
    return this.#undelivered > 0;
  }

  /** Both ends have it: either may speak on whatever carrier it likes. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** This end has asked for it, and was not answered. */
  get isAsking(): boolean {
    return this.#opener && !this.#open;
  }

  /** Nothing is to be said, and no answer awaited. */
  get idle(): boolean {
    return this.#open && !this.#ackDue && this.#send.held === 0 && this.#finWanted === this.#finAcked;
  }

  /** Asks the peer to open the flow; bytes may follow at once, up to the initial window. */
  open(): void {
    this.#greetingDue = true;
    this.#speak();
  }

  /** From now on this end speaks on `lane`, or on none until it has something to say. */
  ride(lane: Lane | undefined): void {
    if (this.#closed || lane === this.#lane) return;
    this.#enter(lane);
    if (lane !== undefined) this.#speak();
  }

  /**
   * A lane was lost on which something may have been said that was not heard: all that matters is said again, on the
   * present lane or on another.
   */
  sayAgain(lost: Lane): void {
    if (this.#closed) return;
    if (this.#lane === lost) this.#lane = undefined;
    // An opener asks until it is answered; who has answered does so again.
    this.#greetingDue ||= this.#opener ? !this.#open : this.#open;
    this.#ackDue = this.#open;
    this.#finLost = this.#finSaid && !this.#finAcked;
    this.#send.rewind();
    this.countUnderway();
    if (this.#greetingDue || this.#ackDue) this.#speak();
  }

  /** Gives the flow its local end and lets bytes move. */
  attach(local: LocalEnd): void {
    if (this.#closed) {
      local.reset();
      return;
    }
    const { stream } = local;
    if (stream.destroyed) {
      // It broke before anybody listened: no event is to come.
      this.reset(ResetReason.APPLICATION);
      return;
    }
    this.#local = local;
    this.onClosed = undefined;
    this.boundLocal();
    local.lend(this.#onLocalData);
    stream.on("end", this.#onLocalEnd);
    stream.on("drain", this.#onLocalDrain);
    stream.on("finish", this.#onLocalFinish);
    stream.on("error", this.#onLocalError);
    stream.on("close", this.#onLocalClose);
    this.deliver();
  }

  /**
   * Bounds what the kernel keeps of a local end that is not read: a few megabytes for each of hundreds would be more
   * than all of TCP may have (net.ipv4.tcp_mem), and then every connection of the machine comes to a crawl. To be called
   * when the window may have changed.
   */
  boundLocal(): void {
    if (this.#local === undefined) return;
    const bound = Math.max(LOCAL_BOUND_MIN, this.#host.window(this) / 2);
    if (bound > this.#localBound / 2 && bound < this.#localBound * 2) return;
    this.#localBound = bound;
    this.#local.holdAtMost(bound);
  }

  /** DATA from the peer. Throws where the peer breaks its window or contradicts itself. */
  onData(offset: number, bytes: Buffer): void {
    if (!this.#deliverDue) this.#host.deliverSoon(this);
    this.#deliverDue = true;
    this.#open ||= this.#opener;
    this.#receive.insert(offset, bytes, this.#arrived);
  }

  /** Gives the local end what came; without one, keeps it. To be called when it was asked for by `deliverSoon`. */
  deliver(): void {
    this.#deliverDue = false;
    if (this.#local === undefined) {
      this.#inbox.keep();
      return;
    }
    this.#inbox.deliver(this.#local);
    if (this.#receive.ended) this.#endLocal();
    this.#considerAck();
  }

  /** FIN from the peer. */
  onFin(offset: number): void {
    this.#open ||= this.#opener;
    this.#receive.fin(offset);
    if (this.#receive.ended) this.deliver();
  }

  /** OPEN or OPENED from the peer, who lets us send so far. */
  onOpened(window: number): void {
    this.onAck(0, window, false);
  }

  /** ACK from the peer. */
  onAck(offset: number, window: number, fin: boolean): void {
    this.#open ||= this.#opener;
    this.#send.ack(offset, window);
    this.countUnderway();
    if (fin) {
      if (!this.#finSaid || offset !== this.#send.end) {
        throw malformed("bad-ack", `ACK of a FIN at ${offset}, where none was sent`);
      }
      this.#finAcked = true;
      this.#closeWhenDone();
    }
    this.#moveOn();
  }

  /** RESET from the peer, or the peer is gone for good: the application learns by a RST. */
  onReset(): void {
    this.#close("reset");
  }

  /** REFUSED from the peer: to the application, which is connected already, that is a RST. */
  onRefused(): void {
    this.#close("refused");
  }

  /** Ends the flow from this side, telling the peer. */
  reset(reason: ResetReason): void {
    this.#close("reset", { kind: "reset", flow: this.id, reason });
  }

  /** Turns down a flow that the peer opened. */
  refuse(reason: Refusal): void {
    this.#close("refused", { kind: "refused", flow: this.id, reason });
  }

  /** Accepts a flow that the peer opened. */
  accept(local: LocalEnd): void {
    if (!this.#closed) {
      this.#greetingDue = true;
      this.#speak();
    }
    this.attach(local);
  }

  /** Hands `lane` up to `quantum` bytes, range by range; true while there is more to send now. */
  produce(lane: Lane, quantum: number): boolean {
    if (!this.#isAdmitted()) return false;
    this.#send.keep = this.#host.window(this);
    let left = quantum;
    while (left > 0) {
      const range = this.#send.take(Math.min(left, MAX_DATA_BYTES));
      if (range === undefined) break;
      lane.data(this.id, range);
      left -= range.bytes.length;
    }
    if (this.#finReady) {
      this.#finSaid = true;
      this.#finLost = false;
      lane.send({ kind: "fin", flow: this.id, offset: this.#send.end });
    }
    this.countUnderway();
    this.readOn();
    return this.#send.sendable > 0 && this.#isAdmitted();
  }

  /** It may send again. */
  goOn(): void {
    if (!this.#closed) this.#moveOn();
  }

  /**
   * Tells the host what is under way. What a peer's application does not read is not: it takes nobody's room. To be called
   * also when time has passed.
   */
  countUnderway(): void {
    const now = this.pace.idleTicks >= UNREAD_TICKS ? 0 : this.#send.underway;
    const change = now - this.#underway;
    this.#underway = now;
    if (change !== 0) this.#host.underway(change);
  }

  /** Reads the local end again where it waited, if there is room. To be called also when memory has come free. */
  readOn(): void {
    if (this.#send.unsent >= this.#unsentHigh / LOW_SHARE || this.#host.exhausted) return;
    if (this.#local?.stream.isPaused() === true) this.#local.stream.resume();
  }

  /** Tells the peer what was consumed. False when there will be news again without anyone's doing. */
  flushAck(): boolean {
    if (this.#closed) return true;
    if (this.#consumed > this.#ackedOffset || (this.#finAckWanted && !this.#finAckSent)) {
      this.#ackDue = true;
      this.#speak();
    }
    // Below its high-water mark a stream tells nobody when it has drained: look again.
    return this.#undelivered === 0 || this.#local?.stream.writableNeedDrain === true;
  }

  /** Whether it may send now. One of many that stand in line needs little to say when its turn comes. */
  #isAdmitted(): boolean {
    this.#isHeldBack = !this.#host.admits(this);
    return !this.#isHeldBack;
  }

  /** How much may wait to be sent: little where memory is scarce, since a read may bring as much again. */
  get #unsentHigh(): number {
    return Math.min(this.#isHeldBack ? UNSENT_HIGH_IN_LINE : UNSENT_HIGH, this.#host.window(this) / 2);
  }

  /** Offset of the first byte that the local end has not taken. */
  get #consumed(): number {
    return this.#receive.next - this.#undelivered;
  }

  /** Bytes in order that the local end has not taken yet. */
  get #undelivered(): number {
    return this.#inbox.bytes + (this.#local?.stream.writableLength ?? 0);
  }

  readonly #arrived = (bytes: Buffer): void => this.#inbox.add(bytes);

  #considerAck(): void {
    if (this.#local === undefined) return;
    const consumed = this.#consumed;
    const due = Math.min(ACK_EVERY_BYTES, (this.#receive.limit - this.#ackedOffset) / ACK_WINDOW_SHARE);
    if (consumed - this.#ackedOffset >= due) this.flushAck();
    if (this.#ackedOffset < this.#receive.next) this.#host.ackSoon(this);
  }

  #endLocal(): void {
    if (this.#endedLocal || this.#local === undefined) return;
    this.#endedLocal = true;
    this.#local.stream.end();
  }

  /** There may be something to send now. */
  #moveOn(): void {
    if (this.#closed) return;
    this.#send.keep = this.#host.window(this);
    if (this.#send.sendable > 0 || this.#finReady) this.#speak();
  }

  get #finReady(): boolean {
    return this.#finWanted && (!this.#finSaid || this.#finLost) && this.#send.unsent === 0;
  }

  /** Says what is due, or lets it wait until there is a lane. */
  #speak(): void {
    const lane = this.#lane ?? this.#host.findLane(this);
    if (lane !== this.#lane) this.#enter(lane);
    if (lane === undefined) return;
    if (this.#greetingDue) this.#greet(lane);
    // Each may find out that the lane is lost, and what is due has been said elsewhere then.
    if (this.#ackDue && this.#lane === lane) this.#ack(lane);
    const isReady = this.#finReady || (this.#send.sendable > 0 && this.#isAdmitted());
    if (this.#lane === lane && isReady) lane.ready(this);
  }

  /** What was acknowledged last is said on every lane first: nobody keeps count of which ACK was heard. */
  #enter(lane: Lane | undefined): void {
    this.#lane = lane;
    this.#ackDue ||= this.#open && lane !== undefined;
  }

  #greet(lane: Lane): void {
    this.#greetingDue = false;
    const { id, target, cls } = this;
    const window = this.#host.window(this);
    this.#receive.allow(this.#receive.next + window);
    if (this.#opener) {
      lane.send({ kind: "open", flow: id, window, cls, target });
      return;
    }
    this.#open = true;
    lane.send({ kind: "opened", flow: id, window });
  }

  #ack(lane: Lane): void {
    this.#ackDue = false;
    const [offset, window] = [this.#consumed, this.#host.window(this)];
    this.#ackedOffset = offset;
    this.#finAckSent = this.#finAckWanted;
    this.#receive.allow(offset + window);
    lane.send({ kind: "ack", flow: this.id, offset, window, fin: this.#finAckWanted });
    this.#closeWhenDone();
  }

  readonly #onLocalData = (bytes: Buffer): void => {
    this.#send.push(bytes);
    this.#moveOn();
    if (this.#send.unsent > this.#unsentHigh || this.#host.exhausted) this.#local?.stream.pause();
  };

  readonly #onLocalEnd = (): void => {
    this.#finWanted = true;
    this.#moveOn();
  };

  readonly #onLocalDrain = (): void => this.#considerAck();

  readonly #onLocalFinish = (): void => {
    this.#finAckWanted = true;
    this.flushAck();
  };

  /** 'close' follows and does the work. */
  readonly #onLocalError = (): void => undefined;

  readonly #onLocalClose = (): void => {
    // Everything went both ways; only the peer's last ACK may be missing, and it needs no local end.
    if (this.#finWanted && this.#finAckWanted) return;
    this.reset(ResetReason.APPLICATION);
  };

  #closeWhenDone(): void {
    if (!this.#finAcked || !this.#finAckSent) return;
    this.#close("done", { kind: "ack", flow: this.id, offset: this.#receive.next, window: 0, fin: true });
  }

  #close(end: FlowEnd, lastWord?: Frame): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.clear();
    this.#send.clear();
    this.countUnderway();
    if (end !== "done") this.#local?.reset();
    this.onClosed?.();
    this.#host.flowClosed(this, end, lastWord);
  }
}

import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { ConnectionInfo, Endpoint, Transport } from "../linux/sockets.ts";
import { malformed } from "../wire/bytes.ts";
import { FrameDecoder, type FrameSink } from "../wire/decoder.ts";
import { FrameType, HEADER_BYTES } from "../wire/constants.ts";
import { encodeFrame, writeHeader, type Frame } from "../wire/frames.ts";
import type { Channel } from "./channel.ts";
import type { Flow, Lane } from "./flow.ts";
import type { Range } from "./sendbuffer.ts";
import { strandedBytes } from "./stranded.ts";

/** Who works with what a carrier brings: the handshake first, then the session. */
export interface CarrierUser {
  frame(frame: Frame, carrier: Carrier): void;
  /** Bytes of a flow; their memory holds others once `settle` was called. */
  data(flow: number, offset: number, bytes: Buffer, carrier: Carrier): void;
  /** All that came at once was handed on. */
  settle(): void;
  /** Called once. Without an error the other end closed it in good order. */
  carrierClosed(carrier: Carrier, error: Error | undefined): void;
}

export interface CarrierOptions {
  /** Counts the carriers of the session. */
  readonly number: number;
  readonly transport: Transport;
  readonly channel: Channel;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly info: () => ConnectionInfo | undefined;
  /** Ends the connection with RST. A plain close of a broken MPTCP connection leaves the peer writing into nothing for a minute. */
  readonly reset: () => void;
  readonly clock: Clock;
}

/**
 * Bytes that may wait in this process before the flows' turns stop: enough to keep the kernel busy until the next
 * turn, little enough that a fresh request never waits behind more.
 */
const QUEUE_BYTES = 128 * 1024;
/** How long a carrier that we closed waits for the peer to close it too (ms). */
const LINGER_MS = 5000;
/**
 * Bytes of all kinds that may wait in this process: DATA stops far below, and what comes without being asked (ACK for
 * each of thousands of flows, answers to PING and OPEN) fits in well, as long as the peer reads at all.
 */
const BACKLOG_BYTES = 1024 * 1024;
/** Frames gather until so many bytes wait (or the event loop has come round): a full TLS record (RFC 8446 section 5.1). */
const GATHER_BYTES = 16 * 1024;
/** What all may send before the event loop comes round: others have something to read. */
const PUMP_BYTES = 1024 * 1024;
/** What one flow may send before the next one's turn. */
const TURN_BYTES = 64 * 1024;

/** Headers on their way into a channel, which copies them. */
const header = Buffer.alloc(HEADER_BYTES);

/**
 * One TLS connection between router and server, as frames. Flows that have something to say take turns, so none
 * waits behind another's megabytes.
 */
export class Carrier implements Lane {
  /** Its number in the session; the accepting side learns it from HELLO. */
  number: number;
  /** At the dialling side, the name of the way that it began on; with plain TCP it has no other. */
  way: string | undefined;
  /** There, whether it has that way alone: plain TCP, or Multipath TCP that somebody took out. */
  plain = false;
  readonly transport: Transport;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly startedAt: number;
  /** When the peer was last heard, by this carrier's clock. */
  heardAt: number;
  /** No new flows: it is to be closed when the last one has left. */
  draining = false;
  /** For whom: while there is bulk, that has carriers of its own, and the quiet have theirs. */
  kept: "any" | "bulk" | "quiet" = "any";
  /** When the first thing was said that the peer was not heard after; undefined while it was. */
  waitingSince: number | undefined;
  /** The peer has said the same. */
  peerDraining = false;
  bytesIn = 0;
  bytesOut = 0;
  /** Flows that speak on it. */
  readonly flows = new Set<Flow>();
  /** The round trip of the longest path that it takes, without queues (ms); 0 while unknown. */
  pathMs = 0;
  /** Up to where what was said on it has been heard, as its PONGs tell. */
  heardUpTo = 0;
  /** Bytes per second in both directions, an average that halves every second. */
  rate = 0;
  #ratedBytes = 0;
  readonly #channel: Channel;
  readonly #info: () => ConnectionInfo | undefined;
  readonly #reset: () => void;
  readonly #clock: Clock;
  readonly #decoder = new FrameDecoder();
  readonly #sink: FrameSink;
  /** Flows waiting for their turn, in order. */
  readonly #turns = new Set<Flow>();
  #pumping = false;
  #gathering = false;
  #user: CarrierUser | undefined;
  #closed = false;
  #wasMptcp = false;
  /** Looks in a row (`tick`) at which bytes were stranded: stranded.ts. */
  strandedTicks = 0;
  #cancelLinger: (() => void) | undefined;

  constructor(options: CarrierOptions) {
    this.number = options.number;
    this.transport = options.transport;
    this.remote = options.remote;
    this.local = options.local;
    this.#channel = options.channel;
    this.#info = options.info;
    this.#reset = options.reset;
    this.#clock = options.clock;
    this.startedAt = this.heardAt = options.clock.now();
    this.#sink = {
      data: (flow, offset, bytes) => {
        if (!this.#closed) this.#user?.data(flow, offset, bytes, this);
      },
      frame: (frame) => {
        if (!this.#closed) this.#user?.frame(frame, this);
      },
    };
  }

  /** Bytes waiting in this process. */
  get queuedBytes(): number {
    return this.#channel.queuedBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What the kernel knows of the connection under it; undefined once closed. */
  info(): ConnectionInfo | undefined {
    return this.#info();
  }

  /** Begins to read. Frames go to `user`, also those that come in the same bytes as the one that changes the user. */
  start(user: CarrierUser): void {
    this.#user = user;
    this.#channel.start({
      data: (bytes) => this.#onData(bytes),
      drained: () => this.#pump(),
      ended: () => this.#onEnd(),
      failed: (error) => this.close(error),
      gone: () => this.#onGone(),
    });
  }

  /** Hands the carrier on: from now on `user` hears of it. */
  use(user: CarrierUser): void {
    this.#user = user;
  }

  /** How far it was spoken on; grows with every frame. */
  get position(): number {
    return this.bytesOut;
  }

  /** Asks for a sign of life, which is a receipt as well: frames keep their order, so who answers has heard all before. */
  ping(): void {
    this.send({ kind: "ping", nonce: this.position });
  }

  /** A PONG came. Throws where it answers what was never asked. */
  onPong(nonce: number): void {
    if (nonce >= this.position) throw malformed("bad-pong", `PONG for ${nonce}, where nothing was said yet`);
    this.heardUpTo = Math.max(this.heardUpTo, nonce);
  }

  send(frame: Frame): void {
    if (this.#closed) return;
    const bytes = encodeFrame(frame);
    this.bytesOut += bytes.length;
    this.#gather();
    this.#channel.write(bytes);
    if (this.#channel.queuedBytes > BACKLOG_BYTES)
      this.close(new SennitError("peer", "backlog", "the peer sends, but does not read the answers"));
  }

  data(flow: number, { offset, bytes }: Range): void {
    this.bytesOut += bytes.length;
    this.#gather();
    writeHeader(header, 0, FrameType.DATA, 0, bytes.length, flow, offset);
    this.#channel.write(header);
    this.#channel.write(bytes);
  }

  ready(flow: Flow): void {
    if (this.#closed) return;
    this.#turns.add(flow);
    this.#pump();
  }

  /** The flow speaks elsewhere, or no more: it is not asked again. False where it did not speak here. */
  leave(flow: Flow): boolean {
    this.#turns.delete(flow);
    return this.flows.delete(flow);
  }

  /**
   * Whether it was Multipath TCP and is no more: the kernel may acknowledge and drop what comes on such a connection
   * (docs/operations.md).
   */
  get hasFallenBack(): boolean {
    return this.#wasMptcp && this.#info()?.mptcp === false;
  }

  /** Brings `rate` up to date; to be called once a second. */
  tick(): void {
    const info = this.#info();
    this.#wasMptcp ||= info?.mptcp === true;
    this.strandedTicks = strandedBytes(info) > 0 ? this.strandedTicks + 1 : 0;
    this.pathMs = Math.max(0, ...(info?.subflows ?? []).map(({ minRttMs = 0 }) => minRttMs));
    const bytes = this.bytesIn + this.bytesOut;
    this.rate = (this.rate + bytes - this.#ratedBytes) / 2;
    this.#ratedBytes = bytes;
  }

  /** Closes in good order what was sent, tells the user. With an error the connection is dropped at once. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turns.clear();
    if (error === undefined) {
      this.#channel.end();
      this.#cancelLinger = this.#clock.after(LINGER_MS, this.#reset);
    } else this.#reset();
    this.#user?.carrierClosed(this, error);
  }

  #onData(bytes: Buffer): void {
    this.heardAt = this.#clock.now();
    this.waitingSince = undefined;
    this.bytesIn += bytes.length;
    try {
      this.#decoder.push(bytes, this.#sink);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
    this.#user?.settle();
  }

  #onEnd(): void {
    if (this.#decoder.idle) this.close();
    else
      this.close(
        new SennitError("peer", "truncated", "the peer closed the connection in the middle of a frame"),
      );
  }

  #onGone(): void {
    this.#cancelLinger?.();
    this.close(new SennitError("network", "carrier-lost", "the connection is gone"));
  }

  /**
   * What is sent from here on leaves together, when all that is readable now has been read: one record and one system
   * call for the frames of many small flows.
   */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.waitingSince ??= this.#clock.now();
    setImmediate(this.#release);
  }

  readonly #release = (): void => {
    this.#gathering = false;
    this.#channel.flush();
    // Where many have much to say, it went round before all had their turn.
    this.#pump();
  };

  #pump(): void {
    if (this.#pumping || this.#turns.size === 0) return;
    this.#pumping = true;
    try {
      this.#takeTurns();
    } finally {
      this.#pumping = false;
    }
  }

  #takeTurns(): void {
    const channel = this.#channel;
    const end = this.bytesOut + PUMP_BYTES;
    for (const flow of this.#turns) {
      if (channel.queuedBytes >= QUEUE_BYTES) channel.flush();
      if (channel.queuedBytes >= QUEUE_BYTES) break;
      if (this.bytesOut >= end) {
        this.#gather();
        break;
      }
      this.#turns.delete(flow);
      // To the end of the line. A Set's iteration reaches what is added meanwhile.
      if (flow.produce(this, TURN_BYTES) && !this.#closed) this.#turns.add(flow);
    }
    if (channel.queuedBytes >= GATHER_BYTES) channel.flush();
  }
}

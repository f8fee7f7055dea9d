import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { ConnectionInfo, Endpoint, Transport } from "../linux/sockets.ts";
import { FrameDecoder, type FrameSink } from "../wire/decoder.ts";
import { dataHeader, encodeFrame, type Frame } from "../wire/frames.ts";
import type { Flow, Lane } from "./flow.ts";
import type { Range } from "./sendbuffer.ts";

/** Who works with what a carrier brings: the handshake first, then the session. */
export interface CarrierUser {
  frame(frame: Frame, carrier: Carrier): void;
  data(flow: number, offset: number, bytes: Buffer, carrier: Carrier): void;
  /** Called once. Without an error the other end closed it in good order. */
  carrierClosed(carrier: Carrier, error: Error | undefined): void;
}

export interface CarrierOptions {
  /** Counts the carriers of the session. */
  readonly number: number;
  readonly transport: Transport;
  /** The TLS stream. */
  readonly stream: Duplex;
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
/** What one flow may send before the next one's turn. */
const TURN_BYTES = 64 * 1024;

/**
 * One TLS connection between router and server, as frames. Flows that have something to say take turns, so none
 * waits behind another's megabytes.
 */
export class Carrier implements Lane {
  /** Its number in the session; the accepting side learns it from HELLO. */
  number: number;
  readonly transport: Transport;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly startedAt: number;
  /** When the peer was last heard, by this carrier's clock. */
  heardAt: number;
  /** No new flows: it is to be closed when the last one has left. */
  draining = false;
  /** The peer has said the same. */
  peerDraining = false;
  bytesIn = 0;
  bytesOut = 0;
  /** Flows riding on it. */
  readonly flows = new Set<Flow>();
  /** Bytes per second in both directions, an average that halves every second. */
  rate = 0;
  #ratedBytes = 0;
  readonly #stream: Duplex;
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
  #cancelLinger: (() => void) | undefined;

  constructor(options: CarrierOptions) {
    this.number = options.number;
    this.transport = options.transport;
    this.remote = options.remote;
    this.local = options.local;
    this.#stream = options.stream;
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
    return this.#stream.writableLength;
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
    const stream = this.#stream;
    stream.on("data", this.#onData);
    stream.on("drain", this.#pump);
    stream.on("end", () => this.#end());
    stream.on("error", (error) => this.close(error));
    const onClose = (): void => {
      this.#cancelLinger?.();
      this.close(new SennitError("network", "carrier-lost", "the connection is gone"));
    };
    stream.on("close", onClose);
    // It may have broken between the handshake and here; then no event is to come.
    if (stream.destroyed) onClose();
  }

  /** Hands the carrier on: from now on `user` hears of it. */
  use(user: CarrierUser): void {
    this.#user = user;
  }

  send(frame: Frame): void {
    if (this.#closed) return;
    const bytes = encodeFrame(frame);
    this.bytesOut += bytes.length;
    this.#gather();
    this.#stream.write(bytes);
    if (this.#stream.writableLength > BACKLOG_BYTES)
      this.close(new SennitError("peer", "backlog", "the peer sends, but does not read the answers"));
  }

  data(flow: number, range: Range): void {
    this.bytesOut += range.bytes.length;
    this.#stream.write(dataHeader(flow, range.offset, range.bytes.length));
    this.#stream.write(range.bytes);
  }

  ready(flow: Flow): void {
    if (this.#closed) return;
    this.#turns.add(flow);
    this.#gather();
    this.#pump();
    if (this.#stream.writableLength >= GATHER_BYTES) this.#release();
  }

  leave(flow: Flow): void {
    this.flows.delete(flow);
    this.#turns.delete(flow);
  }

  /** Brings `rate` up to date; to be called once a second. */
  tick(): void {
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
      this.#stream.end();
      this.#cancelLinger = this.#clock.after(LINGER_MS, this.#reset);
    } else this.#reset();
    this.#user?.carrierClosed(this, error);
  }

  #end(): void {
    if (this.#decoder.idle) this.close();
    else
      this.close(
        new SennitError("peer", "truncated", "the peer closed the connection in the middle of a frame"),
      );
  }

  /**
   * What is sent from here on leaves together, when all that is readable now has been read: one record and one system
   * call for the frames of many small flows.
   */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#stream.cork();
    setImmediate(this.#release);
  }

  readonly #release = (): void => {
    if (!this.#gathering) return;
    this.#gathering = false;
    this.#stream.uncork();
  };

  readonly #onData = (chunk: Buffer): void => {
    this.heardAt = this.#clock.now();
    this.bytesIn += chunk.length;
    try {
      this.#decoder.push(chunk, this.#sink);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  };

  readonly #pump = (): void => {
    if (this.#pumping || this.#turns.size === 0) return;
    this.#pumping = true;
    this.#stream.cork();
    for (const flow of this.#turns) {
      if (this.#stream.writableLength >= QUEUE_BYTES) break;
      this.#turns.delete(flow);
      // To the end of the line. A Set's iteration reaches what is added meanwhile.
      if (flow.produce(TURN_BYTES) && !this.#closed) this.#turns.add(flow);
    }
    this.#stream.uncork();
    this.#pumping = false;
  };
}

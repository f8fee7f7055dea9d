import type { Clock } from "../../src/base/clock.ts";
import { SennitError } from "../../src/base/errors.ts";
import type { Channel, ChannelUser } from "../../src/relay/channel.ts";
import type { FrameSink } from "../../src/wire/decoder.ts";
import { FrameDecoder } from "../../src/wire/decoder.ts";
import { Wire, type WireUser } from "./wire.ts";

export interface LinkShape {
  /** One way, in ms. */
  readonly latencyMs: number;
  /** Bytes that the kernels on the way take before the first has arrived. */
  readonly capacity: number;
  /** Whether a reset overtakes what is on its way. */
  readonly lossy: boolean;
}

/** Who listens in at one end: what is said there, and what is heard. */
export interface Tap {
  readonly said: FrameSink;
  readonly heard: FrameSink;
}

/** A connection between the two sessions, in memory, in the hands of an adversary. */
export class Link {
  readonly near: LinkEnd;
  readonly far: LinkEnd;
  readonly #up: Wire;
  readonly #down: Wire;

  constructor(clock: Clock, shape: LinkShape, taps: { readonly near: Tap; readonly far: Tap }) {
    const { latencyMs, capacity, lossy } = shape;
    this.#up = new Wire(
      clock,
      latencyMs,
      capacity,
      forward(() => this.far),
    );
    this.#down = new Wire(
      clock,
      latencyMs,
      capacity,
      forward(() => this.near),
    );
    this.near = new LinkEnd(clock, this.#up, lossy, taps.near);
    this.far = new LinkEnd(clock, this.#down, lossy, taps.far);
  }

  get isOver(): boolean {
    return this.near.isOver && this.far.isOver;
  }

  hold(way: "up" | "down" | "both", held: boolean): void {
    if (way !== "down") this.#up.hold(held);
    if (way !== "up") this.#down.hold(held);
  }

  /**
   * The connection breaks: of what is on its way `bytes` arrive yet in either direction. An end that is not told hears
   * nothing any more.
   */
  cut(bytes: number, told: "near" | "far" | "both" | "nobody"): void {
    this.#up.cut(bytes, told === "far" || told === "both");
    this.#down.cut(bytes, told === "near" || told === "both");
  }
}

const forward = (end: () => LinkEnd): WireUser => ({
  receive: (bytes) => end().receive(bytes),
  finished: () => end().finished(),
  wasReset: () => end().wasReset(),
});

/** What a carrier has of a link. Nobody is called back during a call, as a Channel promises. */
export class LinkEnd implements Channel, WireUser {
  readonly #clock: Clock;
  readonly #out: Wire;
  readonly #lossy: boolean;
  readonly #tap: Tap;
  readonly #saying = new FrameDecoder();
  readonly #hearing = new FrameDecoder();
  #user: ChannelUser | undefined;
  #pending: Buffer[] = [];
  #queued = 0;
  #blocked = false;
  #ending = false;
  #finSent = false;
  #finHeard = false;
  #over = false;

  constructor(clock: Clock, out: Wire, lossy: boolean, tap: Tap) {
    this.#clock = clock;
    this.#out = out;
    this.#lossy = lossy;
    this.#tap = tap;
    out.onRoom = () => this.#onRoom();
  }

  /** Nothing is said or heard here any more. */
  get isOver(): boolean {
    return this.#over;
  }

  get queuedBytes(): number {
    return this.#queued;
  }

  start(user: ChannelUser): void {
    this.#user = user;
  }

  write(bytes: Buffer): void {
    if (this.#over) return;
    this.#saying.push(bytes, this.#tap.said);
    this.#queue(Buffer.from(bytes));
  }

  /** Puts a whole frame behind what was said, which nobody at this end has said now. */
  inject(frame: Buffer): void {
    if (this.#over || this.#ending) return;
    this.#queue(frame);
    this.flush();
  }

  flush(): void {
    while (!this.#over) {
      const room = this.#out.room;
      const next = this.#pending[0];
      if (next === undefined) break;
      if (room === 0) {
        this.#blocked = true;
        return;
      }
      this.#out.send(next.subarray(0, room));
      this.#queued -= Math.min(room, next.length);
      if (next.length <= room) this.#pending.shift();
      else this.#pending[0] = next.subarray(room);
    }
    if (this.#ending && !this.#finSent && !this.#over) {
      this.#finSent = true;
      this.#out.send("fin");
    }
  }

  end(): void {
    this.#ending = true;
    this.flush();
    this.#goWhenDone();
  }

  /** RST from this end. */
  reset(): void {
    if (this.#over) return;
    this.#out.cut(this.#lossy ? 0 : Infinity, true);
    this.#goes();
  }

  /** This end is gone without a call to its user: its process is. */
  vanish(told: boolean): void {
    if (this.#over) return;
    this.#user = undefined;
    this.#out.cut(Infinity, told);
    this.#over = true;
  }

  receive(bytes: Buffer): void {
    if (this.#over) return;
    this.#hearing.push(bytes, this.#tap.heard);
    const lent = Buffer.from(bytes);
    this.#user?.data(lent);
    lent.fill(0xa5);
  }

  finished(): void {
    if (this.#over) return;
    this.#finHeard = true;
    this.#user?.ended();
    this.#goWhenDone();
  }

  wasReset(): void {
    if (this.#over) return;
    this.#over = true;
    this.#out.cut(0, false);
    this.#user?.failed(new SennitError("network", "ECONNRESET", "read ECONNRESET"));
    this.#user?.gone();
  }

  #queue(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#queued += bytes.length;
  }

  #onRoom(): void {
    if (this.#over || !this.#blocked) return;
    this.#blocked = false;
    this.flush();
    if (this.#queued === 0) this.#user?.drained();
    this.#goWhenDone();
  }

  #goWhenDone(): void {
    if (this.#finSent && this.#finHeard) this.#goes();
  }

  #goes(): void {
    if (this.#over) return;
    this.#over = true;
    this.#clock.after(0, () => this.#user?.gone());
  }
}

import type { Clock } from "../../src/base/clock.ts";

/** What travels in one direction of a link. */
type Parcel = Buffer | "fin" | "rst";

/** Who is at the end of a wire. */
export interface WireUser {
  receive(bytes: Buffer): void;
  finished(): void;
  wasReset(): void;
}

/** Reads are no larger than this: frames come in pieces, as they do from a kernel. */
const READ_BYTES = 16_000;

/**
 * One direction of a link: bytes in order after a latency, as TCP gives them. It may be held for a while or for ever, and
 * a part of what is on its way may be lost together with all that follows.
 */
export class Wire {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #capacity: number;
  readonly #user: WireUser;
  /** Called when there is room again. */
  onRoom: () => void = () => undefined;
  #parcels: { readonly what: Parcel; readonly at: number }[] = [];
  #bytes = 0;
  #held = false;
  #over = false;
  #waiting = false;

  /** `capacity`: bytes that are taken before the first of them has arrived. */
  constructor(clock: Clock, latencyMs: number, capacity: number, user: WireUser) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#capacity = capacity;
    this.#user = user;
  }

  get room(): number {
    return this.#over ? 0 : Math.max(0, this.#capacity - this.#bytes);
  }

  send(what: Parcel): void {
    if (this.#over) return;
    this.#parcels.push({ what, at: this.#clock.now() + this.#latencyMs });
    if (typeof what !== "string") this.#bytes += what.length;
    this.#wait();
  }

  /** Nothing arrives until it is let go. */
  hold(held: boolean): void {
    this.#held = held;
    this.#wait();
  }

  /** Of what is on its way, `bytes` arrive yet; then comes RST, or nothing ever. */
  cut(bytes: number, told: boolean): void {
    if (this.#over) return;
    let left = bytes;
    const kept: { readonly what: Parcel; readonly at: number }[] = [];
    for (const { what, at } of this.#parcels) {
      if (left <= 0 || typeof what === "string") break;
      kept.push({ what: what.subarray(0, left), at });
      left -= what.length;
    }
    this.#parcels = kept;
    if (told) this.send("rst");
    this.#over = true;
  }

  #wait(): void {
    const next = this.#parcels[0];
    if (this.#waiting || this.#held || next === undefined) return;
    this.#waiting = true;
    this.#clock.after(Math.max(0, next.at - this.#clock.now()), () => {
      this.#waiting = false;
      this.#deliver();
      this.#wait();
    });
  }

  #deliver(): void {
    const now = this.#clock.now();
    let room = false;
    while (!this.#held) {
      const next = this.#parcels[0];
      if (next === undefined || next.at > now) break;
      this.#parcels.shift();
      if (next.what === "fin") this.#user.finished();
      else if (next.what === "rst") this.#user.wasReset();
      else {
        this.#bytes -= next.what.length;
        room = true;
        for (let at = 0; at < next.what.length; at += READ_BYTES) {
          this.#user.receive(next.what.subarray(at, at + READ_BYTES));
        }
      }
    }
    if (room) this.onRoom();
  }
}

import type { TunTap } from "../../linux/tuntap.ts";
import { counterIndex } from "./board.ts";
import { drops, filters } from "./filter.ts";
import { FrameQueue, MAX_FRAME } from "./framequeue.ts";
import { LinkModel, LOST, OVERFLOWED } from "./model.ts";
import type { Random } from "./random.ts";
import type { DirectionState } from "./settings.ts";

/** Frames taken from one TAP before the others have their turn. */
const BATCH = 64;
/** The loop itself cannot do more, so a link without a rate holds no more than this makes in one delay. */
const MOST_RATE = 2e9;
/** Frames a link may hold in memory: 300 Mbit/s over 600 ms with a queue of a second. */
const MOST_HELD_BYTES = 64 * 1024 * 1024;
/** Less is not worth another size. */
const LEAST_HELD_BYTES = 256 * 1024;
/** A sample of the normal distribution beyond this many standard deviations comes once in two million packets. */
const JITTER_REACH = 5;

const { offered, delivered, bytes, lost, overflowed, filtered, cut, held, backlog } = counterIndex;

/** One direction of a link at work: frames out of one TAP, through the model, into the other. */
export class Wire {
  readonly #from: TunTap;
  readonly #to: TunTap;
  readonly #model: LinkModel;
  readonly #counters: Float64Array;
  #state: DirectionState;
  #filters: boolean;
  /** What arrives in order. */
  #line: FrameQueue;
  /** What was held back and is overtaken: in order among itself. */
  #late: FrameQueue;
  #lastLate = 0;

  /** `counters` in the order of `counterIndex`. */
  constructor(from: TunTap, to: TunTap, counters: Float64Array, state: DirectionState, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#counters = counters;
    this.#state = state;
    this.#filters = filters(state);
    this.#model = new LinkModel(state, random, performance.now());
    this.#line = new FrameQueue(heldBytes(state));
    this.#late = new FrameQueue(heldBackBytes(state));
  }

  /** When the next frame has to be delivered; Infinity when none is on its way. */
  get due(): number {
    return Math.min(this.#line.due, this.#late.due);
  }

  /** From `now` on the link is like this. What is on its way keeps its time, unless the cable is pulled. */
  apply(state: DirectionState, now: number): void {
    this.#state = state;
    this.#filters = filters(state);
    this.#model.apply(state, now);
    this.#line = withRoom(this.#line, heldBytes(state));
    this.#late = withRoom(this.#late, heldBackBytes(state));
    if (!state.carrier) {
      for (const queue of [this.#line, this.#late]) {
        this.#add(cut, queue.length);
        while (queue.length > 0) queue.pop();
      }
    }
    this.#count(now);
  }

  /** Takes in what the sending side has sent. */
  receive(now: number): void {
    const { memory } = this.#line;
    // What has left by now makes room for as many.
    this.deliver(now);
    for (let count = 0; count < BATCH; count++) {
      const at = this.#line.free;
      const size = this.#from.read(memory, at, MAX_FRAME);
      if (size === 0) break;
      this.#add(offered, 1);
      if (!this.#state.open || !this.#state.carrier) this.#add(cut, 1);
      else if (this.#filters && drops(this.#state, memory.bytes, at, size)) this.#add(filtered, 1);
      else this.#send(size, now);
    }
    this.#count(now);
  }

  /** Hands over what has arrived by now. */
  deliver(now: number): void {
    if (this.due > now) return;
    while (this.due <= now) {
      const queue = this.#line.due <= this.#late.due ? this.#line : this.#late;
      if (this.#state.open && this.#to.write(queue.memory, queue.offset, queue.size)) {
        this.#add(delivered, 1);
        this.#add(bytes, queue.size);
      } else this.#add(cut, 1);
      queue.pop();
    }
    this.#count(now);
  }

  #send(size: number, now: number): void {
    // Before the model is asked: what it accepts has to arrive.
    if (!this.#line.hasRoom) return this.#add(overflowed, 1);
    const due = this.#model.offer(size, now, this.#held);
    if (due === LOST) return this.#add(lost, 1);
    if (due === OVERFLOWED) return this.#add(overflowed, 1);
    const back = this.#model.heldBack();
    if (back === 0) this.#line.push(size, due);
    else if (!this.#late.hasRoom) this.#add(overflowed, 1);
    else {
      // Its delay may have become shorter since the last one.
      this.#lastLate = Math.max(this.#lastLate, due + back);
      this.#late.copyIn(this.#line, size, this.#lastLate);
    }
  }

  get #held(): number {
    return this.#line.length + this.#late.length;
  }

  #count(now: number): void {
    this.#counters[held] = this.#held;
    this.#counters[backlog] = this.#model.backlog(now);
  }

  #add(counter: number, amount: number): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + amount;
  }
}

function withRoom(queue: FrameQueue, needed: number): FrameQueue {
  return needed > queue.capacity ? queue.moveTo(needed) : queue;
}

/** Memory for all that can be on its way: in the delay line at the full rate, and in the queue. */
function heldBytes({ rate, delay, jitter, queue, limit }: DirectionState): number {
  const line = (Math.min(rate, MOST_RATE) / 8000) * (delay + JITTER_REACH * jitter);
  const most = Math.min(line + (rate === Infinity ? 0 : queue), limit * MAX_FRAME);
  // A frame may leave the end of the memory unused, hence a little more.
  const needed = most * 1.1 + 2 * MAX_FRAME;
  return Math.min(Math.max(needed, LEAST_HELD_BYTES), MOST_HELD_BYTES);
}

/** The same for what is held back, if anything is: all of it, where the share is high. */
function heldBackBytes({ rate, reorder }: DirectionState): number {
  if (reorder === undefined) return 0;
  const needed = (Math.min(rate, MOST_RATE) / 8000) * reorder.by * 1.1 + 2 * MAX_FRAME;
  return Math.min(Math.max(needed, LEAST_HELD_BYTES), MOST_HELD_BYTES);
}

import type { TunTap } from "../../linux/tuntap.ts";
import { counterIndex, type Board, type DirectionState } from "./board.ts";
import { FrameQueue, MAX_FRAME } from "./framequeue.ts";
import { LinkModel, LOST, OVERFLOWED } from "./model.ts";
import type { Random } from "./random.ts";

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

const { offered, delivered, bytes, lost, overflowed, cut, held, backlog } = counterIndex;

/** One direction of a link at work: frames out of one TAP, through the model, into the other. */
export class Wire {
  readonly #from: TunTap;
  readonly #to: TunTap;
  readonly #model: LinkModel;
  readonly #counters: Float64Array;
  #state: DirectionState;
  #queue: FrameQueue;

  constructor(from: TunTap, to: TunTap, board: Board, direction: number, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#state = board.read(direction);
    this.#model = new LinkModel(this.#state, random);
    this.#queue = new FrameQueue(heldBytes(this.#state));
    this.#counters = board.counterView(direction);
  }

  /** When the next frame has to be delivered; Infinity when none is on its way. */
  get due(): number {
    return this.#queue.due;
  }

  /** From now on the link is like this. What is on its way keeps its time, unless the cable is pulled. */
  apply(state: DirectionState): void {
    this.#state = state;
    this.#model.settings = state;
    const needed = heldBytes(state);
    if (needed > this.#queue.capacity) this.#queue = this.#queue.moveTo(needed);
    if (!state.carrier) {
      this.#add(cut, this.#queue.length);
      while (this.#queue.length > 0) this.#queue.pop();
    }
    this.#counters[held] = this.#queue.length;
  }

  /** Takes in what the sending side has sent. */
  receive(now: number): void {
    const queue = this.#queue;
    for (let count = 0; count < BATCH; count++) {
      const size = this.#from.read(queue.memory, queue.free, MAX_FRAME);
      if (size === 0) break;
      this.#add(offered, 1);
      if (!this.#state.open || !this.#state.carrier) this.#add(cut, 1);
      else this.#send(size, now);
    }
    this.#counters[held] = queue.length;
    this.#counters[backlog] = this.#model.backlog(now);
  }

  /** Hands over what has arrived by now. */
  deliver(now: number): void {
    const queue = this.#queue;
    if (queue.due > now) return;
    for (; queue.due <= now; queue.pop()) {
      if (this.#state.open && this.#to.write(queue.memory, queue.offset, queue.size)) {
        this.#add(delivered, 1);
        this.#add(bytes, queue.size);
      } else this.#add(cut, 1);
    }
    this.#counters[held] = queue.length;
    this.#counters[backlog] = this.#model.backlog(now);
  }

  #send(size: number, now: number): void {
    // Before the model is asked: what it accepts has to arrive.
    if (!this.#queue.hasRoom) return this.#add(overflowed, 1);
    const due = this.#model.offer(size, now);
    if (due === LOST) this.#add(lost, 1);
    else if (due === OVERFLOWED) this.#add(overflowed, 1);
    else this.#queue.push(size, due);
  }

  #add(counter: number, amount: number): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + amount;
  }
}

/** Memory for all that can be on its way: in the delay line at the full rate, and in the queue. */
function heldBytes({ rate, delay, jitter, queue }: DirectionState): number {
  const line = (Math.min(rate, MOST_RATE) / 8000) * (delay + JITTER_REACH * jitter);
  // A frame may leave the end of the memory unused, hence a little more.
  const needed = (line + (rate === Infinity ? 0 : queue)) * 1.1 + 2 * MAX_FRAME;
  return Math.min(Math.max(needed, LEAST_HELD_BYTES), MOST_HELD_BYTES);
}

import { PacketMemory } from "../../linux/packetmemory.ts";

/** The largest frame kept: an MTU of 1500, the Ethernet header and room to notice more. */
export const MAX_FRAME = 2048;
/** The smallest Ethernet frame is 60 bytes, so there is never a slot too few. */
const BYTES_PER_SLOT = 60;

/**
 * Frames on their way, first in first out, each with the time it is due. They lie in one piece of memory, into which
 * they are read and out of which they are written: nothing is copied, nothing is allocated per frame.
 */
export class FrameQueue {
  readonly memory: PacketMemory;
  readonly capacity: number;
  readonly #slots: number;
  readonly #due: Float64Array;
  readonly #offset: Uint32Array;
  readonly #size: Uint32Array;
  #head = 0;
  #length = 0;
  /** Where the next frame goes. */
  #end = 0;

  /** Holds at least `capacity` bytes of frames, and twice a largest one. */
  constructor(capacity: number) {
    this.capacity = Math.max(Math.ceil(capacity), 2 * MAX_FRAME);
    // One frame more than ever queued: a place to read into when all else is taken.
    this.memory = new PacketMemory(this.capacity + 2 * MAX_FRAME);
    this.#slots = Math.ceil(this.capacity / BYTES_PER_SLOT);
    this.#due = new Float64Array(this.#slots);
    this.#offset = new Uint32Array(this.#slots);
    this.#size = new Uint32Array(this.#slots);
  }

  get length(): number {
    return this.#length;
  }

  /** When the first frame is due; Infinity when there is none. */
  get due(): number {
    return this.#length === 0 ? Infinity : (this.#due[this.#head] ?? Infinity);
  }

  /** The first frame's place in `memory`. */
  get offset(): number {
    return this.#offset[this.#head] ?? 0;
  }

  /** The first frame's bytes. */
  get size(): number {
    return this.#size[this.#head] ?? 0;
  }

  /** Whether a largest frame can be kept now. */
  get hasRoom(): boolean {
    if (this.#length === 0) return true;
    if (this.#length === this.#slots) return false;
    const first = this.offset;
    if (this.#end <= first) return first - this.#end >= MAX_FRAME;
    return this.#end + MAX_FRAME <= this.#limit || first >= MAX_FRAME;
  }

  /** Where a frame may be read to before `push`: MAX_FRAME bytes of `memory`. With no room, a place to read and forget. */
  get free(): number {
    return this.hasRoom ? this.#start : this.#limit;
  }

  /** Keeps the `size` bytes just read at `free`. Only while `hasRoom`. */
  push(size: number, due: number): void {
    const slot = (this.#head + this.#length) % this.#slots;
    const start = this.#start;
    this.#due[slot] = due;
    this.#offset[slot] = start;
    this.#size[slot] = size;
    this.#end = start + size;
    this.#length++;
  }

  /** Keeps a copy of the `size` bytes just read at the `free` place of another queue. Only while `hasRoom`. */
  copyIn(other: FrameQueue, size: number, due: number): void {
    other.memory.bytes.copy(this.memory.bytes, this.free, other.free, other.free + size);
    this.push(size, due);
  }

  /** Forgets the first frame. */
  pop(): void {
    this.#head = (this.#head + 1) % this.#slots;
    this.#length--;
    if (this.#length === 0) this.#end = 0;
  }

  /** The same frames in a queue of another capacity; those that do not fit are left behind. */
  moveTo(capacity: number): FrameQueue {
    const next = new FrameQueue(capacity);
    for (; this.#length > 0 && next.hasRoom; this.pop()) {
      this.memory.bytes.copy(next.memory.bytes, next.free, this.offset, this.offset + this.size);
      next.push(this.size, this.due);
    }
    return next;
  }

  /** The end of the part that goes round; behind it lies the spare place. */
  get #limit(): number {
    return this.capacity + MAX_FRAME;
  }

  /** Frames lie in one piece: what would run over the end starts anew at the beginning. */
  get #start(): number {
    return this.#end + MAX_FRAME <= this.#limit ? this.#end : 0;
  }
}

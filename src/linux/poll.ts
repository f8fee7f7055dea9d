import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";

/* struct pollfd of poll(2): int fd, short events, short revents */
const POLLFD_SIZE = 8;
const EVENTS_AT = 4;
const REVENTS_AT = 6;
const POLLIN = 0x0001;

/** Waits for packets on a fixed set of descriptors, on a thread that may block. Makes no object per call. */
export class Poller {
  readonly #count: number;
  readonly #fds: Buffer;
  readonly #timeout = Buffer.alloc(16);

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#fds = Buffer.alloc(fds.length * POLLFD_SIZE);
    for (const [index, fd] of fds.entries()) {
      this.#fds.writeInt32LE(fd, index * POLLFD_SIZE);
      this.#fds.writeInt16LE(POLLIN, index * POLLFD_SIZE + EVENTS_AT);
    }
  }

  /** Blocks until a descriptor can be read or `timeoutMs` (fractions count) are over; returns how many can. */
  wait(timeoutMs: number): number {
    const ns = Math.max(0, Math.round(timeoutMs * 1e6));
    // struct timespec, 64-bit seconds and nanoseconds; 2^53 is beyond any timeout.
    this.#timeout.writeUInt32LE(Math.floor(ns / 1e9), 0);
    this.#timeout.writeUInt32LE(ns % 1e9, 8);
    const ready = libc.ppoll(this.#fds, this.#count, this.#timeout, null);
    if (ready < 0 && errnoName(lastErrno()) === "EINTR") return this.#none();
    return check(ready, "ppoll");
  }

  /** Whether descriptor number `index` could be read at the last wait, or is in a state that reading would tell. */
  readable(index: number): boolean {
    return this.#fds.readInt16LE(index * POLLFD_SIZE + REVENTS_AT) !== 0;
  }

  /** A wait that a signal ended left the results of the one before. */
  #none(): number {
    for (let index = 0; index < this.#count; index++) {
      this.#fds.writeInt16LE(0, index * POLLFD_SIZE + REVENTS_AT);
    }
    return 0;
  }
}

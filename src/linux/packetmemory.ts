import koffi from "koffi";
import { SennitError } from "../base/errors.ts";

/**
 * Memory that packets are read into and written from in place: the kernel is told an address in it, so that no object
 * is made per packet.
 */
export class PacketMemory {
  readonly bytes: Buffer;
  readonly #address: number;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
    this.#address = Number(koffi.address(this.bytes));
  }

  /** The address of `length` bytes from `offset` on, for one system call. Throws where they are not all inside. */
  at(offset: number, length: number): number {
    if (offset < 0 || length < 0 || offset + length > this.bytes.length) {
      throw new SennitError("bug", "out-of-bounds", `${length} bytes at ${offset} of ${this.bytes.length}`);
    }
    return this.#address + offset;
  }
}

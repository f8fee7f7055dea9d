import type { Duplex } from "node:stream";
import type { Channel, ChannelUser } from "./channel.ts";

/** A channel over any stream: Node's own TLS where records can't be sealed by direct calls, and memory in tests. */
export class StreamChannel implements Channel {
  readonly #stream: Duplex;
  #corked = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  start(user: ChannelUser): void {
    const stream = this.#stream;
    stream.on("data", (bytes: Buffer) => user.data(bytes));
    stream.on("drain", () => user.drained());
    stream.on("end", () => user.ended());
    stream.on("error", (error) => user.failed(error));
    stream.on("close", () => user.gone());
    // It may have broken before anybody listened; then no event is to come.
    if (stream.destroyed) process.nextTick(() => user.gone());
  }

  write(bytes: Buffer): void {
    if (!this.#corked) this.#stream.cork();
    this.#corked = true;
    this.#stream.write(Buffer.from(bytes));
  }

  flush(): void {
    if (this.#corked) this.#stream.uncork();
    this.#corked = false;
  }

  end(): void {
    this.flush();
    this.#stream.end();
  }
}

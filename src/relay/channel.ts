/** What a carrier rides on: bytes in order between router and server, secret and unforged. */
export interface Channel {
  /** Bytes handed over that the kernel has not taken. */
  readonly queuedBytes: number;
  /** Begins to read. To be called once, before anything else. */
  start(user: ChannelUser): void;
  /** Puts bytes behind all before; their memory is free on return. They go out with `flush` at the latest. */
  write(bytes: Buffer): void;
  flush(): void;
  /** Ends our direction in good order, once all has gone. */
  end(): void;
}

/** Who hears of a channel. Nothing comes during a call of `start`, `write`, `flush` or `end`. */
export interface ChannelUser {
  /** Bytes that came; their memory holds others as soon as this returns. */
  data(bytes: Buffer): void;
  /** `queuedBytes` has gone down to nothing. */
  drained(): void;
  /** The other end has ended its direction in good order. */
  ended(): void;
  /** The channel is broken: the connection is to be dropped. */
  failed(error: Error): void;
  /** The connection is closed. Called once, last. */
  gone(): void;
}

import { SennitError } from "../base/errors.ts";
import type { Connection } from "../linux/sockets.ts";
import { FrameDecoder } from "../wire/decoder.ts";
import type { Frame } from "../wire/frames.ts";
import { RecordReader } from "./recordreader.ts";
import type { TlsState } from "./tlschannel.ts";
import { RecordOpener } from "./tlsrecords.ts";

/** HELLO, the only frame that may come first, fits in many times, however it is cut into records. */
const MAX_PEEKED_BYTES = 16 * 1024;

export interface Peeked {
  /** The first frame; undefined where what came is none, or too much. */
  readonly frame: Frame | undefined;
  /** All that came, sealed as it was: whoever goes on begins with it. */
  readonly early: Buffer;
}

/**
 * Reads the first frame on a connection whose TLS handshake is done without answering: for whoever decides where the
 * connection goes. It is paused afterwards. Rejects, with the connection dropped, when it breaks or `signal` fires before.
 */
export function peekFrame(
  connection: Connection,
  { suite, receiveSecret, early: begun }: TlsState,
  signal: AbortSignal,
): Promise<Peeked> {
  const { stream } = connection;
  return new Promise((resolve, reject) => {
    let early = Buffer.alloc(0);
    let frame: Frame | undefined;
    let over = false;
    const decoder = new FrameDecoder();
    // A copy: it is wiped with the reader.
    const reader = new RecordReader(new RecordOpener(suite, Buffer.from(receiveSecret)), {
      data: (bytes) => {
        if (frame === undefined) decoder.push(bytes, { frame: (first) => (frame ??= first), data: settle });
      },
      closeNotify: () => settle(),
      keyUpdateRequested: () => settle(),
    });
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      connection.lend(() => undefined);
      stream.pause();
      stream.off("end", settle).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      reader.free();
      return true;
    };
    function settle(): void {
      // In a turn of its own: the reader may be at work.
      queueMicrotask(() => finish() && resolve({ frame, early }));
    }
    const drop = (error: Error): void => {
      if (!finish()) return;
      connection.reset();
      reject(error);
    };
    const onClose = (): void =>
      drop(new SennitError("peer", "hello-missing", "the connection ended before HELLO was answered"));
    const onAbort = (): void => drop(signal.reason as Error);
    const onBytes = (bytes: Buffer): void => {
      if (over) return;
      early = Buffer.concat([early, bytes]);
      try {
        reader.push(bytes);
        if (frame !== undefined || early.length > MAX_PEEKED_BYTES) settle();
      } catch {
        // What is wrong with it is told by whoever reads it to answer it.
        settle();
      }
    };
    stream.on("end", settle).on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    connection.lend(onBytes);
    if (signal.aborted) return onAbort();
    if (stream.destroyed) return onClose();
    onBytes(begun);
    if (stream.readableEnded) settle();
    stream.resume();
  });
}

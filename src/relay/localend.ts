import type { Connection } from "../linux/sockets.ts";
import { BufferPool } from "./bufferpool.ts";

/** The local end of a flow: the connection of the application at the router, or to the target at the server. */
export type LocalEnd = Pick<Connection, "stream" | "lend" | "send" | "holdAtMost" | "reset">;

/** What waits for a slow application is kept in blocks of this size. */
const BLOCK_BYTES = 64 * 1024;
const blocks = new BufferPool(BLOCK_BYTES);
/** Less than this gets memory of its own size: what is counted as waiting is then at least half of what it takes. */
const SMALL_BYTES = BLOCK_BYTES / 2;

/**
 * Gives all of `bytes` to the local end, which may use up memory that is only lent: what its kernel does not take at once
 * waits in its stream, as a copy.
 */
export function sendLent(local: LocalEnd, bytes: Buffer): void {
  const { stream } = local;
  for (let at = local.send(bytes); at < bytes.length; at += BLOCK_BYTES) {
    if (bytes.length - at < SMALL_BYTES) {
      stream.write(Buffer.from(bytes.subarray(at)));
      return;
    }
    const block = blocks.take();
    stream.write(block.subarray(0, bytes.copy(block, 0, at)), () => blocks.give(block));
  }
}

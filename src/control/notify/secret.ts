import { open } from "node:fs/promises";
import { SennitError } from "../../base/errors.ts";

const MAX_BYTES = 4096;
const READABLE_BY_OTHERS = 0o007;

/**
 * The first line of a file that holds a secret; read anew each time, so that it can be changed while the router runs. Throws
 * `notify-refused` where it is not there, or anybody may read it; never with any of its content.
 */
export async function readSecret(path: string): Promise<string> {
  const refuse = (why: string): SennitError => new SennitError("config", "notify-refused", `${path}: ${why}`);
  let text: string;
  try {
    await using handle = await open(path, "r");
    if (((await handle.stat()).mode & READABLE_BY_OTHERS) !== 0) throw refuse("other users may read it");
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MAX_BYTES) });
    text = buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (error instanceof SennitError) throw error;
    throw refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? "failed"})`);
  }
  const [secret = ""] = text.split(/\r?\n/);
  if (secret === "") throw refuse("is empty");
  return secret;
}

import { chmod, mkdir, stat } from "node:fs/promises";
import { SennitError } from "../base/errors.ts";

/** Only we may enter or list. */
const PRIVATE_DIRECTORY = 0o700;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes sure that `path` is a directory of ours. A new one is closed to everybody else; one that was there keeps its
 * mode (it may be shared on purpose), but must not let others put files into it. Throws `directory-open` then.
 */
export async function privateDirectory(path: string): Promise<void> {
  const created = await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
  // mkdir's mode passes through the umask, which may have taken bits that we need.
  if (created !== undefined) await chmod(path, PRIVATE_DIRECTORY);
  const { mode, uid } = await stat(path);
  if ((mode & WRITABLE_BY_OTHERS) !== 0 || (uid !== 0 && uid !== process.geteuid?.())) {
    throw new SennitError("config", "directory-open", `other users may write to the directory ${path}`, {
      detail: { path, mode: (mode & 0o7777).toString(8), uid },
      remedy: `chmod 700 ${path}, and make its owner the user that runs Sennit`,
    });
  }
}

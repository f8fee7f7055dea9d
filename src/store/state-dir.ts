import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import { privateDirectory } from "./private.ts";

const PRIVATE_FILE = 0o600;

/**
 * A directory of small JSON files that must outlive a restart, a crash and a power cut: keys, what was joined.
 * Nobody but its owner can read it. A file is always the old one or the new one, never half of each.
 */
export class StateDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Creates the directory (mode 0700) where it is missing. Throws `directory-open` when others may write to it. */
  static async open(path: string): Promise<StateDir> {
    await privateDirectory(path);
    return new StateDir(path);
  }

  /**
   * The content of `NAME.json`, or undefined where there is none. Throws `state-corrupt` where it is not what
   * `schema` says; the file is left as it is, for a person to look at.
   */
  async read<S extends z.ZodType>(name: string, schema: S): Promise<z.output<S> | undefined> {
    const file = this.#file(name);
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return decode(file, text, schema);
  }

  /** Replaces `NAME.json` (mode 0600). When this resolves, the new content survives a power cut. */
  async write(name: string, value: unknown): Promise<void> {
    const file = this.#file(name);
    // The same name every time: what a crash leaves behind is overwritten by the next write.
    const draft = `${file}.new`;
    await rm(draft, { force: true });
    {
      await using handle = await open(draft, "wx", PRIVATE_FILE);
      await handle.writeFile(`${JSON.stringify(value, undefined, 2)}\n`);
      await handle.sync();
    }
    await rename(draft, file);
    await this.#syncDirectory();
  }

  /** The names of all that is stored here, in no order. */
  async list(): Promise<readonly string[]> {
    const files = await readdir(this.path);
    return files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
  }

  /** Removes `NAME.json`; no error where there is none. */
  async remove(name: string): Promise<void> {
    await rm(this.#file(name), { force: true });
    await this.#syncDirectory();
  }

  #file(name: string): string {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) {
      throw new SennitError("bug", "bad-state-name", `not a name for a state file: ${JSON.stringify(name)}`);
    }
    return join(this.path, `${name}.json`);
  }

  /** Makes a rename or removal last: it is the directory's content that changed (fsync(2)). */
  async #syncDirectory(): Promise<void> {
    await using handle = await open(this.path, "r");
    await handle.sync();
  }
}

function decode<S extends z.ZodType>(file: string, text: string, schema: S): z.output<S> {
  const corrupt = (why: string): SennitError =>
    new SennitError("config", "state-corrupt", `${file} is damaged: ${why}`, {
      detail: { file },
      remedy: `restore ${file} from a backup, or remove it to start anew`,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a key.
    throw corrupt("it is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error));
  return parsed.data;
}

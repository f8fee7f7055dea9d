import { randomBytes } from "node:crypto";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import { readText } from "../config/load.ts";
import type { StateDir } from "../store/state-dir.ts";
import type { Version, Versions } from "../store/versions.ts";

const PENDING = "pending-config";
const pendingSchema = z.strictObject({
  /** Number of the version that comes back where nobody confirms. */
  before: z.int().positive(),
  /** When that is, in milliseconds since 1970, and how long it was from the beginning. */
  until: z.number(),
  limitMs: z.number().positive(),
});

export interface Pending {
  /** The version that comes back. */
  readonly before: number;
  readonly leftMs: number;
}

export interface ConfigFileDeps {
  readonly path: string;
  readonly state: StateDir;
  readonly versions: Versions;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * A role's config file: the one place where its config is written, with every version it had and the promise to put one
 * back. All of it is on disk before it is acted on, so that a control process that is killed changes nothing about it.
 */
export class ConfigFile {
  readonly #deps: ConfigFileDeps;

  constructor(deps: ConfigFileDeps) {
    this.#deps = deps;
  }

  get path(): string {
    return this.#deps.path;
  }

  /** The text that is in the file now. Throws `config-unreadable`. */
  read(): Promise<string> {
    return readText(this.#deps.path);
  }

  /** What waits to be confirmed. `leftMs` is 0 where it should have been long ago. */
  async pending(): Promise<Pending | undefined> {
    const { state, now } = this.#deps;
    const pending = await state.read(PENDING, pendingSchema);
    if (pending === undefined) return undefined;
    // A clock that was set back must not make it longer.
    const leftMs = Math.max(0, Math.min(pending.limitMs, pending.until - now()));
    return { before: pending.before, leftMs };
  }

  /** From now on `before` is to come back after `limitMs`. */
  async expect(before: number, limitMs: number): Promise<void> {
    const { state, now } = this.#deps;
    await state.write(PENDING, { before, until: now() + limitMs, limitMs });
  }

  /** Nothing is to come back any more. */
  async settle(): Promise<void> {
    await this.#deps.state.remove(PENDING);
  }

  /** Keeps `text` as a version, unless it is the newest already; its number. */
  keep(text: string, why: string): Promise<number> {
    return this.#deps.versions.add(text, why);
  }

  version(number: number): Promise<Version> {
    return this.#deps.versions.get(number);
  }

  history(): Promise<readonly Version[]> {
    return this.#deps.versions.all();
  }

  /** Puts `text` into the file. What somebody has written there meanwhile is kept as a version. */
  async write(text: string, why: string): Promise<number> {
    const there = await this.read();
    if (there !== text) {
      await this.keep(there, "found in the file");
      await replaceFile(this.#deps.path, text);
    }
    return this.keep(text, why);
  }
}

/** A reader sees the old text or the new one, also after a power cut (rename(2), both synced). Owner and mode stay. */
async function replaceFile(path: string, text: string): Promise<void> {
  try {
    const file = await realpath(path);
    const { mode, uid, gid } = await stat(file);
    const draft = `${file}.${randomBytes(4).toString("hex")}.new`;
    try {
      {
        await using handle = await open(draft, "wx", mode & 0o777);
        await handle.chmod(mode & 0o777);
        await handle.chown(uid, gid);
        await handle.writeFile(text);
        await handle.sync();
      }
      await rename(draft, file);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await using directory = await open(dirname(file), "r");
    await directory.sync();
  } catch (cause) {
    throw new SennitError("config", "config-not-written", `cannot write the config file ${path}`, {
      cause,
      detail: { path },
      remedy: "look whether its directory is on a file system that can be written to",
    });
  }
}

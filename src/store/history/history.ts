import { chmodSync, closeSync, openSync, renameSync, rmSync } from "node:fs";
import { messageOf, SennitError } from "../../base/errors.ts";
import { HistoryDatabase } from "./database.ts";
import type { KeptEvent, Retention, Sample, Span, Step } from "./sample.ts";

export interface HistoryOptions {
  readonly path: string;
  readonly retention: Retention;
  /** The file was of no use, and stands at `aside` now; a new one was begun. */
  readonly onDamaged: (aside: string, why: string) => void;
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html); extended codes have them in their lowest byte. */
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);

/** SQLite's files of one database: the file, its log, and what finds things in the log. */
const SUFFIXES = ["", "-wal", "-shm"] as const;

/**
 * The history on disk, whatever became of its file: one that is damaged is moved aside, and a new one begun. What was
 * kept outlives a kill at any moment; after a power cut, the last minutes may be missing.
 */
export class History {
  readonly #options: HistoryOptions;
  #database: HistoryDatabase | undefined;

  /** Nothing is opened before `open`. */
  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Opens the file, and looks through all of it. Throws what is not its damage: no rights, no disk, `history-newer`. */
  open(): void {
    this.#mending((database) => {
      const { damage } = database;
      if (damage !== undefined) throw new SennitError("kernel", DAMAGE, damage);
    });
  }

  /** `now` in ms since 1970. Throws where nothing can be written (a full disk). */
  write(samples: readonly Sample[], events: readonly KeptEvent[], now: number): void {
    this.#mending((database) => database.write(samples, events, now));
  }

  samples(step: Step, span: Span, wan?: string): readonly Sample[] {
    return this.#mending((database) => database.samples(step, span, wan));
  }

  /** The latest events of a time, at most `limit`, oldest first. */
  events(span: Span, limit: number): readonly KeptEvent[] {
    return this.#mending((database) => database.events(span, limit));
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #mending<T>(work: (database: HistoryDatabase) => T): T {
    try {
      return work(this.#opened());
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#moveAside(messageOf(error));
      return work(this.#opened());
    }
  }

  #opened(): HistoryDatabase {
    const { path, retention } = this.#options;
    if (this.#database === undefined) {
      makePrivate(path);
      this.#database = new HistoryDatabase(path, retention);
    }
    return this.#database;
  }

  /** The last one that was of no use is kept for who wants to look, and no more of them. */
  #moveAside(why: string): void {
    this.close();
    const { path, onDamaged } = this.#options;
    const aside = `${path}.damaged`;
    for (const suffix of SUFFIXES) {
      rmSync(`${aside}${suffix}`, { force: true });
      try {
        renameSync(`${path}${suffix}`, `${aside}${suffix}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    onDamaged(aside, why);
  }
}

/** Where its users are in the internet, and when, is nobody else's business. */
const OURS_ALONE = 0o600;

/** Before SQLite opens it, which gives the files beside it the same mode (sqlite.org/src, findCreateFileMode). */
function makePrivate(path: string): void {
  closeSync(openSync(path, "a", OURS_ALONE));
  for (const suffix of SUFFIXES) {
    try {
      chmodSync(`${path}${suffix}`, OURS_ALONE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

const DAMAGE = "history-damaged";

function isDamage(error: unknown): boolean {
  if (error instanceof SennitError) return error.code === DAMAGE;
  const code = (error as { readonly errcode?: unknown } | null)?.errcode;
  return typeof code === "number" && DAMAGED.has(code & 0xff);
}

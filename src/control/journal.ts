import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";

const limitsSchema = z.strictObject({ subflows: z.int(), addAddrAccepted: z.int() });

const noted = {
  /** Boot and network namespace that this is about. */
  namespace: z.string(),
  /** Settings as they were before us, in the order in which we changed them. */
  sysctls: z.array(z.strictObject({ key: z.string(), before: z.string() })),
  limits: limitsSchema.optional(),
};

const schema = z.strictObject({ version: z.literal(2), ...noted });
/**
 * Of a version that had MPTCP endpoints in the kernel. Those that it left there, when it was killed, do nothing to us and
 * go with the next boot; everything else in it is put back as if it were our own.
 */
const olderSchema = z
  .strictObject({ version: z.literal(1), ...noted, endpoints: z.array(z.unknown()) })
  .transform(({ namespace, sysctls, limits }): JournalRecord => ({
    version: 2,
    namespace,
    sysctls,
    ...(limits && { limits }),
  }));
const anySchema = z.union([schema, olderSchema]);

export type JournalRecord = z.output<typeof schema>;
export interface Notes {
  readonly sysctls: JournalRecord["sysctls"];
  readonly limits: JournalRecord["limits"];
}

/**
 * What was there before we changed it, for what the kernel cannot tell by itself. Written and synced before the change
 * is made, so that `clean` after a kill -9 puts back exactly that. The first "before" of a key stays.
 */
export class Journal {
  readonly #path: string;
  readonly #namespace: string;

  /** `namespace` tells this boot and network namespace from all others (linux: namespaceIdentity). */
  constructor(path: string, namespace: string) {
    this.#path = path;
    this.#namespace = namespace;
  }

  /**
   * What is noted. Empty when there is no file or it is about another boot or namespace: that state is gone with it.
   * Throws `journal-unreadable` for a file that is not ours.
   */
  read(): JournalRecord {
    const nothing: JournalRecord = { version: 2, namespace: this.#namespace, sysctls: [] };
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return nothing;
      throw this.#unreadable(error);
    }
    let record: JournalRecord;
    try {
      record = anySchema.parse(JSON.parse(text));
    } catch (error) {
      throw this.#unreadable(error);
    }
    return record.namespace === this.#namespace ? record : nothing;
  }

  /** Notes what is about to be changed; on disk when it returns. What is noted already keeps its first value. */
  note(notes: Notes): void {
    const record = this.read();
    const known = new Set(record.sysctls.map(({ key }) => key));
    const limits = record.limits ?? notes.limits;
    const next: JournalRecord = {
      ...record,
      sysctls: [...record.sysctls, ...notes.sysctls.filter(({ key }) => !known.has(key))],
      ...(limits && { limits }),
    };
    if (!isDeepStrictEqual(next, record)) this.#write(next);
  }

  /** Everything was put back. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }

  /** A reader sees the old file or the new one, also after a power cut (rename(2), and both synced). */
  #write(record: JournalRecord): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const temporary = `${this.#path}.new`;
    const file = openSync(temporary, "w", 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.#path);
    const directory = openSync(dirname(this.#path), "r");
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }

  #unreadable(cause: unknown): SennitError {
    return new SennitError("kernel", "journal-unreadable", `${this.#path} is not a journal of ours`, {
      remedy: `move ${this.#path} away; settings it would have restored stay as they are until the next boot`,
      cause,
    });
  }
}

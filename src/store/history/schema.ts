import type { DatabaseSync } from "node:sqlite";
import { SennitError } from "../../base/errors.ts";

/**
 * The history's tables: each text brings a database from the version that is its place here to the next (`user_version`).
 * What was once released is never changed, only followed by another.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE wan (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE sample (
    step INTEGER NOT NULL,
    wan INTEGER NOT NULL REFERENCES wan (id),
    at INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    bytes_down INTEGER NOT NULL,
    bytes_up INTEGER NOT NULL,
    peak_down INTEGER NOT NULL,
    peak_up INTEGER NOT NULL,
    rtt_us INTEGER,
    rtt_max_us INTEGER,
    jitter_us INTEGER,
    loss INTEGER,
    carrying INTEGER NOT NULL,
    PRIMARY KEY (step, wan, at)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    wan TEXT,
    text TEXT NOT NULL,
    fields TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_at ON event (at);
  `,
];

export const VERSION = MIGRATIONS.length;

/** Brings the tables to this program's version. Throws `history-newer` where they are ahead of it. */
export function migrate(database: DatabaseSync): void {
  const version = versionOf(database);
  if (version > VERSION)
    throw new SennitError("config", "history-newer", `the history is of a newer Sennit (version ${version})`);
  for (const [index, text] of MIGRATIONS.entries()) {
    if (index < version) continue;
    // All of a step or nothing: whoever is killed in between finds the version of before.
    database.exec(`BEGIN IMMEDIATE;${text}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

const versionOf = (database: DatabaseSync): number =>
  Number(database.prepare("PRAGMA user_version").get()?.user_version);

import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { RollUp } from "./rollup.ts";
import { type KeptEvent, type Retention, type Sample, type Span, STEPS, type Step } from "./sample.ts";
import { migrate } from "./schema.ts";

const PAGE_BYTES = 4096;
/** What may stand in the log beside the file before it is worked in: a quarter of an hour of 4 WANs. */
const LOG_PAGES = 500;
/** SQLite's memory for pages (KiB): what is written is close together, what is asked for is asked for rarely. */
const CACHE_KIB = 512;
/** How full the file may be before what is oldest goes early, and how full it is then. */
const FULL = { at: 0.9, after: 0.75 } as const;
/** A line from further ahead (s) is of a clock that was wrong, and would never become old. */
const FUTURE_S = 86_400;
/** SQLITE_FULL: the file would exceed what it may, or the disk is full (sqlite.org/rescode.html). */
const SQLITE_FULL = 13;

/** The older half of them. */
const FORGET_EVENTS = "DELETE FROM event WHERE id <= (SELECT (min(id) + max(id)) / 2 FROM event)";
const FORGET_SAMPLES = `
  DELETE FROM sample WHERE step = ?1 AND wan = ?2 AND at <=
    (SELECT (min(at) + max(at)) / 2 FROM sample WHERE step = ?1 AND wan = ?2)`;

type Row = Record<string, SQLOutputValue>;

/** The history in an SQLite file that is in order. Every call is one transaction, and what it wrote outlives a kill. */
export class HistoryDatabase {
  readonly #database: DatabaseSync;
  readonly #retention: Retention;
  readonly #rollUp: RollUp;
  readonly #insert: StatementSync;
  readonly #insertEvent: StatementSync;
  readonly #wans = new Map<string, number>();
  /** The minute (since 1970) that was last tidied up after. */
  #tidied = -1;

  /** Opens or makes the file. Throws what SQLite throws, and `history-newer`. */
  constructor(path: string, retention: Retention) {
    this.#database = new DatabaseSync(path);
    this.#retention = retention;
    try {
      this.#configure();
      migrate(this.#database);
      this.#rollUp = new RollUp(this.#database);
      this.#insert = this.#database.prepare(
        "INSERT OR REPLACE INTO sample VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      );
      this.#insertEvent = this.#database.prepare("INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?)");
      for (const { id, name } of this.#all("SELECT id, name FROM wan"))
        this.#wans.set(String(name), Number(id));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Keeps what is new, all or nothing; `now` in ms since 1970. Makes room by forgetting what is oldest. */
  write(samples: readonly Sample[], events: readonly KeptEvent[], now: number): void {
    const work = (): void => {
      for (const sample of samples) this.#keep(sample);
      for (const { at, code, severity, wan, text, fields } of events)
        this.#insertEvent.run(at, code, severity, wan, text, JSON.stringify(fields));
    };
    try {
      this.#transaction(work);
    } catch (error) {
      if ((error as { readonly errcode?: unknown }).errcode !== SQLITE_FULL) throw error;
      this.#transaction(() => this.#makeRoom(this.usedBytes / 2));
      this.#transaction(work);
    }
    const minute = Math.floor(now / 60_000);
    if (minute === this.#tidied) return;
    this.#transaction(() => this.#tidy(now));
    this.#tidied = minute;
  }

  /** Lines of one WAN, or of all, oldest first. */
  samples(step: Step, { from, to }: Span, wan?: string): readonly Sample[] {
    const ids = [...this.#wans].filter(([name]) => wan === undefined || name === wan);
    return ids.flatMap(([name, id]) =>
      this.#all(
        "SELECT * FROM sample WHERE step = ? AND wan = ? AND at >= ? AND at < ? ORDER BY at",
        step,
        id,
        Math.ceil(from / 1000),
        Math.ceil(to / 1000),
      ).map((row) => sampleOf(name, row)),
    );
  }

  /** The latest events of a time, at most `limit`, oldest first. */
  events({ from, to }: Span, limit: number): readonly KeptEvent[] {
    return this.#all(
      "SELECT * FROM event WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?",
      from,
      to,
      limit,
    )
      .map(eventOf)
      .toReversed();
  }

  /** Bytes of the file that are in use. */
  get usedBytes(): number {
    return (this.#pragma("page_count") - this.#pragma("freelist_count")) * this.#pragma("page_size");
  }

  /** What the file may have, so that there is room for its log (bytes). */
  get #capacity(): number {
    return this.#retention.size - LOG_PAGES * PAGE_BYTES;
  }

  /** What is damaged, in SQLite's words; undefined where nothing is. Reads the whole file. */
  get damage(): string | undefined {
    const [row] = this.#all("PRAGMA quick_check(1)");
    return row?.quick_check === "ok" ? undefined : String(row?.quick_check);
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #configure(): void {
    this.#database.exec(`
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = ${LOG_PAGES};
      PRAGMA journal_size_limit = ${LOG_PAGES * PAGE_BYTES};
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA max_page_count = ${Math.floor(this.#capacity / PAGE_BYTES)};
      PRAGMA foreign_keys = ON`);
  }

  #keep(sample: Sample): void {
    const { at, seconds, bytesDown, bytesUp, peakDown, peakUp } = sample;
    const { rttMs, rttMaxMs, jitterMs, lossPerMille, carryingPerMille } = sample;
    this.#insert.run(
      this.#wanId(sample.wan),
      at,
      seconds,
      bytesDown,
      bytesUp,
      Math.round(peakDown),
      Math.round(peakUp),
      microseconds(rttMs),
      microseconds(rttMaxMs),
      microseconds(jitterMs),
      lossPerMille === null ? null : Math.round(lossPerMille),
      Math.round(carryingPerMille),
    );
  }

  #wanId(name: string): number {
    const known = this.#wans.get(name);
    if (known !== undefined) return known;
    // A transaction that failed may have taken it back: the table knows.
    this.#database.prepare("INSERT OR IGNORE INTO wan (name) VALUES (?)").run(name);
    const [row] = this.#all("SELECT id FROM wan WHERE name = ?", name);
    const id = Number(row?.id);
    this.#wans.set(name, id);
    return id;
  }

  #tidy(now: number): void {
    const { seconds, minutes, hours, events } = this.#retention;
    for (const id of this.#wans.values()) {
      this.#rollUp.run(id, Math.floor(now / 1000));
      for (const [step, keep] of [
        [1, seconds],
        [60, minutes],
        [3600, hours],
      ] as const) {
        this.#run("DELETE FROM sample WHERE step = ? AND wan = ? AND at < ?", step, id, (now - keep) / 1000);
        this.#run(
          "DELETE FROM sample WHERE step = ? AND wan = ? AND at > ?",
          step,
          id,
          now / 1000 + FUTURE_S,
        );
      }
    }
    this.#run("DELETE FROM event WHERE at < ? OR at > ?", now - events, now + FUTURE_S * 1000);
    if (this.usedBytes > this.#capacity * FULL.at) this.#makeRoom(this.#capacity * FULL.after);
  }

  /**
   * Until so many bytes are in use: the older half of the seconds and of the events goes, and half of the rest; only then
   * that of the minutes and of the hours, for the longest view is the cheapest.
   */
  #makeRoom(enough: number): void {
    for (const step of STEPS) {
      let forgotten = 1;
      while (forgotten > 0 && this.usedBytes > enough) {
        forgotten = step === 1 ? this.#run(FORGET_EVENTS) : 0;
        for (const id of this.#wans.values()) forgotten += this.#run(FORGET_SAMPLES, step, id);
      }
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#wans.clear();
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      for (const { id, name } of this.#all("SELECT id, name FROM wan"))
        this.#wans.set(String(name), Number(id));
      throw error;
    }
  }

  #pragma(name: string): number {
    return Number(this.#all(`PRAGMA ${name}`)[0]?.[name]);
  }

  /** The number of lines that were changed. */
  #run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#database.prepare(sql).run(...values).changes);
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#database.prepare(sql).all(...values);
  }
}

const microseconds = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 1000));
const milliseconds = (us: SQLOutputValue | undefined): number | null =>
  us === null || us === undefined ? null : Number(us) / 1000;

function sampleOf(wan: string, row: Row): Sample {
  return {
    wan,
    at: Number(row.at),
    seconds: Number(row.seconds),
    bytesDown: Number(row.bytes_down),
    bytesUp: Number(row.bytes_up),
    peakDown: Number(row.peak_down),
    peakUp: Number(row.peak_up),
    rttMs: milliseconds(row.rtt_us),
    rttMaxMs: milliseconds(row.rtt_max_us),
    jitterMs: milliseconds(row.jitter_us),
    lossPerMille: row.loss === null || row.loss === undefined ? null : Number(row.loss),
    carryingPerMille: Number(row.carrying),
  };
}

function eventOf(row: Row): KeptEvent {
  return {
    at: Number(row.at),
    code: String(row.code),
    severity: row.severity as KeptEvent["severity"],
    wan: row.wan === null ? null : String(row.wan),
    text: String(row.text),
    fields: JSON.parse(String(row.fields)) as KeptEvent["fields"],
  };
}

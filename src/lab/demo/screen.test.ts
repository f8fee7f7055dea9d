import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Screen } from "./screen.ts";

/** A terminal as ECMA-48 has it, as far as the screen uses it; keeps what is to be seen. */
class Terminal extends Writable {
  readonly rows: string[] = [""];
  isTTY = true;
  columns: number;

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  override _write(text: string, _: BufferEncoding, done: () => void): void {
    const up = text.startsWith("\u001B[") && text.endsWith("A\u001B[J") ? parseInt(text.slice(2)) : 0;
    if (up > 0) this.rows.splice(-1 - up, Infinity, "");
    else for (const char of stripVTControlCharacters(text)) this.#put(char);
    done();
  }

  /** Breaks what is there at the new width, as most terminals do. */
  narrow(columns: number): void {
    this.columns = columns;
    const rows = this.rows.splice(0);
    for (const row of rows) this.rows.push(...(row.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""]));
  }

  #put(char: string): void {
    const last = this.rows.length - 1;
    if (char === "\n") this.rows.push("");
    else if ((this.rows[last] ?? "").length >= this.columns) this.rows.push(char);
    else this.rows[last] += char;
  }
}

const MBIT_BYTES = 125_000;

let now: number;
beforeEach(() => {
  now = 0;
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A screen that shows a fibre at 50 of its 100 Mbit/s and an LTE at all of its 50. */
function shown(columns: number): {
  screen: Screen;
  terminal: Terminal;
  seconds: (count: number) => Promise<void>;
} {
  const terminal = new Terminal(columns);
  const lab = {
    link: (name: string) => ({
      settings: { down: { rate: name === "fibre" ? 100e6 : 50e6 } },
      counters: () => Promise.resolve({ down: { bytes: (now / 1000) * 50 * MBIT_BYTES } }),
    }),
  };
  const screen = new Screen(lab, terminal as unknown as NodeJS.WriteStream);
  const seconds = async (count: number): Promise<void> => {
    for (const end = now + count * 1000; now < end;) {
      now += 250;
      screen.progress((now / 1000) * 75 * MBIT_BYTES);
      await vi.advanceTimersByTimeAsync(250);
    }
  };
  return { screen, terminal, seconds };
}

test("bars are drawn over, below what stays", async () => {
  const { screen, terminal, seconds } = shown(80);
  screen.start();
  screen.act("one download");
  await seconds(2);
  screen.note("the fibre is cut");
  await seconds(2);
  screen.stop();
  await seconds(2);
  expect(terminal.rows).toEqual([
    "",
    "one download",
    "  the fibre is cut",
    `  fibre ${"█".repeat(20)}${"░".repeat(20)}   50.0 Mbit/s`,
    `  lte   ${"█".repeat(40)}   50.0 Mbit/s`,
    `  user  ${"█".repeat(20)}${"░".repeat(20)}   75.0 Mbit/s`,
    "",
  ]);
});

test.each([62, 40, 24])("bars are shorter where there are %d columns", async (columns) => {
  const { screen, terminal, seconds } = shown(columns);
  screen.start();
  await seconds(3);
  screen.stop();
  expect(terminal.rows).toHaveLength(4);
  for (const row of terminal.rows.slice(0, 3)) expect(row).toHaveLength(columns - 1);
  expect(terminal.rows[1]).toMatch(/^ {2}lte {3}█+ {3}50\.0 Mbit\/s$/);
});

test("a terminal that is made narrower keeps no rest of the old bars", async () => {
  const { screen, terminal, seconds } = shown(80);
  screen.start();
  await seconds(1);
  terminal.narrow(35);
  await seconds(1);
  screen.stop();
  expect(terminal.rows).toHaveLength(4);
});

test.each([
  ["without a terminal", 80, false],
  ["on one too narrow for any bar", 20, true],
])("%s: a line a second", async (_, columns, isTTY) => {
  const { screen, terminal, seconds } = shown(columns);
  terminal.isTTY = isTTY;
  screen.start();
  await seconds(4);
  screen.stop();
  const text = terminal.rows.join("");
  expect(text.match(/fibre +50\.0 Mbit\/s +lte +50\.0 Mbit\/s +user +75\.0 Mbit\/s/g)).toHaveLength(3);
  expect(text).not.toContain("█");
});

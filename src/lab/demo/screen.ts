import { styleText } from "node:util";
import type { DemoView } from "./demo.ts";

/** What is shown of a lab. */
interface Links {
  link(name: string): {
    readonly settings: { readonly down: { readonly rate: number } };
    counters(): Promise<{ readonly down: { readonly bytes: number } }>;
  };
}

/** A link shown as a bar, and the rate that fills it (bit/s). */
interface Gauge {
  readonly name: string;
  readonly full: number;
  readonly bytes: () => Promise<number>;
}

const REDRAW_MS = 250;
/** Without a terminal the same in lines, fewer of them. */
const LINE_EVERY = 4;
const BAR_CELLS = 40;
/** Columns that a bar's name and rate take, with the last one of the terminal, in which the cursor must not get stuck. */
const TEXT_COLUMNS = 23;
/** A terminal that does not tell. */
const USUAL_COLUMNS = 80;

/** Shows the acts of the demo, and how the WANs fill: live bars on a terminal, one line a second elsewhere. */
export class Screen implements DemoView {
  readonly #out: NodeJS.WriteStream;
  readonly #gauges: readonly Gauge[];
  #userBytes = 0;
  #last: { readonly at: number; readonly bytes: readonly number[] } | undefined;
  /** The bars that are on the screen. */
  #drawn = { rows: 0, columns: 0 };
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;
  #drawing = false;

  constructor(lab: Links, out: NodeJS.WriteStream) {
    this.#out = out;
    const wan = (name: string): Gauge => ({
      name,
      full: lab.link(name).settings.down.rate,
      bytes: async () => (await lab.link(name).counters()).down.bytes,
    });
    const wans = [wan("fibre"), wan("lte")];
    const sum = wans.reduce((total, { full }) => total + full, 0);
    this.#gauges = [...wans, { name: "user", full: sum, bytes: () => Promise.resolve(this.#userBytes) }];
  }

  start(): void {
    this.#timer = setInterval(() => void this.#tick(), REDRAW_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drawn = { rows: 0, columns: 0 };
  }

  act(title: string): void {
    this.#userBytes = 0;
    this.#last = undefined;
    this.say("");
    this.say(styleText("bold", title, { stream: this.#out }));
  }

  note(text: string): void {
    this.say(`  ${text}`);
  }

  readonly progress = (bytes: number): void => {
    this.#userBytes = bytes;
  };

  /** A line that stays, above the bars. */
  say(line: string): void {
    this.#erase();
    this.#out.write(`${line}\n`);
  }

  #erase(): void {
    // A terminal that was made narrower meanwhile has broken every bar into several rows.
    const rows = this.#drawn.rows * Math.ceil(this.#drawn.columns / this.#columns);
    // Up over the bars and clear what is below (ECMA-48 CUU and ED).
    if (rows > 0) this.#out.write(`\u001B[${rows}A\u001B[J`);
    this.#drawn = { rows: 0, columns: 0 };
  }

  get #columns(): number {
    return this.#out.columns || USUAL_COLUMNS;
  }

  /** Whether bars can be drawn, and drawn over. */
  get #live(): boolean {
    return this.#out.isTTY && this.#columns > TEXT_COLUMNS;
  }

  async #tick(): Promise<void> {
    if (this.#drawing) return;
    this.#drawing = true;
    const [at, bytes] = [performance.now(), await Promise.all(this.#gauges.map((gauge) => gauge.bytes()))];
    const last = this.#last;
    this.#drawing = false;
    if (this.#timer === undefined) return;
    if (!this.#live && this.#ticks++ % LINE_EVERY !== 0) return;
    this.#last = { at, bytes };
    if (last === undefined) return;
    const rates = bytes.map((count, index) => {
      return Math.max(0, ((count - (last.bytes[index] ?? count)) * 8000) / (at - last.at));
    });
    if (this.#live) this.#bars(rates);
    else this.#line(rates);
  }

  #bars(rates: readonly number[]): void {
    this.#erase();
    const whole = Math.min(BAR_CELLS, this.#columns - TEXT_COLUMNS);
    for (const [index, { name, full }] of this.#gauges.entries()) {
      const rate = rates[index] ?? 0;
      const cells = Math.min(whole, Math.round((rate / full) * whole));
      const colour = name === "user" ? "green" : "cyan";
      const bar = styleText(colour, "█".repeat(cells), { stream: this.#out }) + "░".repeat(whole - cells);
      this.#out.write(`  ${name.padEnd(5)} ${bar} ${megabits(rate)}\n`);
    }
    this.#drawn = { rows: this.#gauges.length, columns: TEXT_COLUMNS + whole - 1 };
  }

  #line(rates: readonly number[]): void {
    if (rates.every((rate) => rate < 1e6)) return;
    const parts = this.#gauges.map(({ name }, index) => `${name} ${megabits(rates[index] ?? 0)}`);
    this.#out.write(`  ${parts.join("   ")}\n`);
  }
}

function megabits(rate: number): string {
  return `${(rate / 1e6).toFixed(1).padStart(6)} Mbit/s`;
}

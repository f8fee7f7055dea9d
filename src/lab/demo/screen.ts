import { styleText } from "node:util";
import type { Lab } from "../lab.ts";
import type { DemoView } from "./demo.ts";

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

/** Shows the acts of the demo, and how the WANs fill: live bars on a terminal, one line a second elsewhere. */
export class Screen implements DemoView {
  readonly #out: NodeJS.WriteStream;
  readonly #gauges: readonly Gauge[];
  #userBytes = 0;
  #last: { readonly at: number; readonly bytes: readonly number[] } | undefined;
  #drawn = 0;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;
  #drawing = false;

  constructor(lab: Lab, out: NodeJS.WriteStream) {
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
    this.#drawn = 0;
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
    // Up over the bars and clear what is below (ECMA-48 CUU and ED).
    if (this.#drawn > 0) this.#out.write(`\u001B[${this.#drawn}A\u001B[J`);
    this.#drawn = 0;
  }

  async #tick(): Promise<void> {
    if (this.#drawing) return;
    this.#drawing = true;
    const [at, bytes] = [performance.now(), await Promise.all(this.#gauges.map((gauge) => gauge.bytes()))];
    const last = this.#last;
    this.#drawing = false;
    if (!this.#out.isTTY && this.#ticks++ % LINE_EVERY !== 0) return;
    this.#last = { at, bytes };
    if (last === undefined) return;
    const rates = bytes.map((count, index) => {
      return Math.max(0, ((count - (last.bytes[index] ?? count)) * 8000) / (at - last.at));
    });
    if (this.#out.isTTY) this.#bars(rates);
    else this.#line(rates);
  }

  #bars(rates: readonly number[]): void {
    this.#erase();
    for (const [index, { name, full }] of this.#gauges.entries()) {
      const rate = rates[index] ?? 0;
      const cells = Math.min(BAR_CELLS, Math.round((rate / full) * BAR_CELLS));
      const colour = name === "user" ? "green" : "cyan";
      const bar = styleText(colour, "█".repeat(cells), { stream: this.#out }) + "░".repeat(BAR_CELLS - cells);
      this.#out.write(`  ${name.padEnd(5)} ${bar} ${megabits(rate)}\n`);
    }
    this.#drawn = this.#gauges.length;
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

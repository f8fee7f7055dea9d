import { readFileSync } from "node:fs";
import { z } from "zod";
import { until } from "./until.ts";

const line = z.looseObject({ level: z.string(), name: z.string(), msg: z.string() });
export type Line = z.output<typeof line>;

/** The log of programs that run, as they write it: one JSON object per line, nothing else. */
export class LogFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get lines(): readonly Line[] {
    const texts = readFileSync(this.#path, "utf8").split("\n");
    // The last one is still being written, or empty.
    return texts.slice(0, -1).map((text) => line.parse(JSON.parse(text)));
  }

  /** Waits for a line as wanted among those after the first `from`. */
  async until(wanted: (line: Line) => boolean, from = 0, limitMs?: number): Promise<Line> {
    const lines = await until(
      () => this.lines.slice(from),
      (seen) => seen.some(wanted),
      limitMs,
    );
    return lines.find(wanted) as Line;
  }
}

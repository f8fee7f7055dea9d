/** Longer lines are no line of anybody we listen to, and are passed over. */
const MAX_LINE_BYTES = 64 * 1024;

/** Bytes of a program in, its lines out: what ends with a line feed, or with whatever else it ends its lines with. */
export class Lines {
  readonly #onLine: (line: string) => void;
  readonly #end: string;
  #pending = Buffer.alloc(0);

  constructor(onLine: (line: string) => void, end = "\n") {
    this.#onLine = onLine;
    this.#end = end;
  }

  take(chunk: Buffer): void {
    const parts = Buffer.concat([this.#pending, chunk]).toString("latin1").split(this.#end);
    const rest = Buffer.from(parts.pop() ?? "", "latin1");
    for (const part of parts) this.#onLine(Buffer.from(part, "latin1").toString("utf8"));
    this.#pending = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : rest;
  }
}

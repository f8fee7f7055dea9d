/** Longer lines are no line of anybody we listen to, and are passed over. */
const MAX_LINE_BYTES = 64 * 1024;

/** Bytes of a program in, its lines out. */
export class Lines {
  readonly #onLine: (line: string) => void;
  #pending = Buffer.alloc(0);

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(chunk: Buffer): void {
    const parts = Buffer.concat([this.#pending, chunk]).toString("latin1").split("\n");
    const rest = Buffer.from(parts.pop() ?? "", "latin1");
    for (const part of parts) this.#onLine(Buffer.from(part, "latin1").toString("utf8"));
    this.#pending = rest.length > MAX_LINE_BYTES ? Buffer.alloc(0) : rest;
  }
}

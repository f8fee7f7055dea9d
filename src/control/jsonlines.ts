import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { SennitError } from "../base/errors.ts";

/** A guest list of ten thousand routers is a megabyte and a half: what is longer is no message of ours. */
const MAX_LINE = 8 * 1024 * 1024;

/** What may wait for a peer that does not read (a stopped process): more than any sequence of messages takes up. */
const MAX_BACKLOG_BYTES = 2 * MAX_LINE;

/** One JSON value per line in both directions of a local socket. A line that is none ends the connection. */
export class JsonLines {
  readonly #socket: Socket;
  readonly #text = new StringDecoder("utf8");
  #partial = "";

  constructor(socket: Socket, onMessage: (value: unknown) => void) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      try {
        this.#push(this.#text.write(chunk), onMessage);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
  }

  send(value: unknown): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(`${JSON.stringify(value)}\n`);
    if (this.#socket.writableLength > MAX_BACKLOG_BYTES) {
      this.#socket.destroy(
        new SennitError("bug", "not-read", "the other process does not read its messages"),
      );
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #push(text: string, onMessage: (value: unknown) => void): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    if (this.#partial.length > MAX_LINE) {
      throw new SennitError(
        "bug",
        "line-too-long",
        `more than ${MAX_LINE} characters without an end of line`,
      );
    }
    for (const line of lines) onMessage(JSON.parse(line));
  }
}

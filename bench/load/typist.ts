import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { z } from "zod";
import { ECHO_PORT } from "./flows.ts";
import { timeline, TimelineRecorder } from "./timeline.ts";

/** Someone at a remote shell: keys that are echoed, as the helper `typist-main.ts` types them. */

export const typistErrand = z.discriminatedUnion("kind", [
  /** Opens the session and begins to type. */
  z.strictObject({ kind: z.literal("begin"), address: z.string() }),
  /** Goes on; says what came so far. */
  z.strictObject({ kind: z.literal("look") }),
  /** Ends it. */
  z.strictObject({ kind: z.literal("stop") }),
]);
export type TypistErrand = z.output<typeof typistErrand>;

export const typistAnswer = z.strictObject({
  typed: z.int(),
  /** Echoes that came in the order of the keys, and the first that did not, or why the session ended. */
  echoed: z.int(),
  wrong: z.string().nullable(),
  /** As whom the echo sees the session; null before it has said so. */
  seenAs: z.string().nullable(),
  /** When echoes came. */
  timeline,
});
export type TypistAnswer = z.output<typeof typistAnswer>;

/** A key every so often; fast typing. */
const KEY_EVERY_MS = 50;
const KEYS = "abcdefghijklmnopqrstuvwxyz\r";

export class Typist {
  readonly #recorder = new TimelineRecorder();
  #socket: Socket | undefined;
  #typing: NodeJS.Timeout | undefined;
  #greeting = "";
  #typed = 0;
  #echoed = 0;
  #wrong: string | null = null;

  async run(errand: TypistErrand): Promise<TypistAnswer> {
    if (errand.kind === "begin") await this.#begin(errand.address);
    else if (errand.kind === "stop") this.#stop();
    const [typed, echoed, wrong] = [this.#typed, this.#echoed, this.#wrong];
    return { typed, echoed, wrong, seenAs: this.#seenAs, timeline: this.#recorder.timeline };
  }

  async #begin(address: string): Promise<void> {
    const socket = connect({ host: address, port: ECHO_PORT, noDelay: true });
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("error", (error) => (this.#wrong ??= error.message));
    socket.on("close", () => (this.#wrong ??= "the session was closed"));
    socket.on("data", (text) => this.#hear(String(text)));
    await once(socket, "connect");
    this.#typing = setInterval(() => socket.write(KEYS[this.#typed++ % KEYS.length] ?? ""), KEY_EVERY_MS);
  }

  #hear(text: string): void {
    // The echo begins with a line that tells who we are.
    const greeted = this.#seenAs !== null;
    if (!greeted) this.#greeting += text;
    const seenAs = this.#seenAs;
    if (seenAs === null) return;
    const keys = greeted ? text : this.#greeting.slice(seenAs.length + 1);
    for (const key of keys) {
      if (key === KEYS[this.#echoed % KEYS.length]) this.#echoed++;
      else this.#wrong ??= `key ${this.#echoed} came back as ${JSON.stringify(key)}`;
    }
    if (keys !== "") this.#recorder.add(keys.length);
  }

  get #seenAs(): string | null {
    const end = this.#greeting.indexOf("\n");
    return end === -1 ? null : this.#greeting.slice(0, end);
  }

  #stop(): void {
    clearInterval(this.#typing);
    const wrong = this.#wrong;
    this.#socket?.removeAllListeners("close").destroy();
    this.#wrong = wrong;
  }
}

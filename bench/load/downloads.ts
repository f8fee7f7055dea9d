import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Download } from "./download.ts";
import { timeline, TimelineRecorder } from "./timeline.ts";

/** Downloads of which every byte is checked, and noted when it came: what the helper `downloads-main.ts` does. */

/** Where `source-main.ts` serves what the labs' web host serves: it can be made to speak another transport. */
export const SOURCE_PORT = 8080;

export const downloadsErrand = z.discriminatedUnion("kind", [
  /** Begins as many, of so many bytes each, and waits until all have brought something. */
  z.strictObject({
    kind: z.literal("begin"),
    address: z.string(),
    count: z.int().positive(),
    bytes: z.int().positive(),
  }),
  /** Waits until all have ended by themselves, but not longer than so. */
  z.strictObject({ kind: z.literal("wait"), ms: z.number().positive() }),
  /** Breaks off those that have not ended; all are forgotten afterwards. */
  z.strictObject({ kind: z.literal("stop") }),
]);
export type DownloadsErrand = z.output<typeof downloadsErrand>;

export const downloadsAnswer = z.strictObject({
  active: z.int(),
  /** Downloads of which every byte came, and those that have the right SHA-256 too. */
  complete: z.int(),
  right: z.int(),
  /** Bytes of all of them that came and are not what was sent. */
  bytesWrong: z.int(),
  /** Why downloads ended before their last byte; what was broken off on purpose does not count. */
  cut: z.array(z.string()),
  /** The bytes of all of them together. */
  timeline,
});
export type DownloadsAnswer = z.output<typeof downloadsAnswer>;

const FIRST_BYTE_LIMIT_MS = 30_000;

export class Downloads {
  #all: Download[] = [];
  #recorder = new TimelineRecorder();
  #number = 0;

  async run(errand: DownloadsErrand): Promise<DownloadsAnswer> {
    if (errand.kind === "begin") await this.#begin(errand);
    else if (errand.kind === "wait") await this.#within(errand.ms, ({ ended }) => ended);
    else await this.#stop();
    const answer = this.#answer();
    if (errand.kind === "stop") [this.#all, this.#recorder] = [[], new TimelineRecorder()];
    return answer;
  }

  async #begin({ address, count, bytes }: DownloadsErrand & { kind: "begin" }): Promise<void> {
    const [recorder, from] = [this.#recorder, { host: address, port: SOURCE_PORT, bytes }];
    for (let index = 0; index < count; index++) {
      const seed = `download ${this.#number++}`;
      this.#all.push(new Download({ ...from, seed, onBytes: (bytes) => recorder.add(bytes) }));
    }
    if (!(await this.#within(FIRST_BYTE_LIMIT_MS, ({ began }) => began)))
      throw new Error(`a download brought nothing in ${FIRST_BYTE_LIMIT_MS} ms`);
  }

  async #stop(): Promise<void> {
    for (const download of this.#all) if (download.active) download.stop();
    await Promise.all(this.#all.map(({ ended }) => ended));
  }

  /** Whether all of them came to that in time. */
  async #within(ms: number, to: (download: Download) => Promise<void>): Promise<boolean> {
    const enough = new AbortController();
    const late = sleep(ms, false, { signal: enough.signal }).catch(() => false);
    const all = Promise.all(this.#all.map(to)).then(() => true);
    const came = await Promise.race([all, late]);
    enough.abort();
    return came;
  }

  #answer(): DownloadsAnswer {
    const count = (what: (download: Download) => boolean): number => this.#all.filter(what).length;
    return {
      active: count(({ active }) => active),
      complete: count(({ complete }) => complete),
      right: count(({ hashRight }) => hashRight),
      bytesWrong: this.#all.reduce((sum, { bytesWrong }) => sum + bytesWrong, 0),
      cut: this.#all.flatMap(({ cut }) => cut ?? []),
      timeline: this.#recorder.timeline,
    };
  }
}

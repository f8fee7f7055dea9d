import { SennitError } from "../../src/base/errors.ts";
import type { Closer } from "../../src/base/closer.ts";
import { z } from "zod";
import { SERVER, WEB } from "../contestant.ts";
import type { Stand } from "../stand.ts";
import { downloadsAnswer, type DownloadsAnswer } from "./downloads.ts";
import { Helper } from "./helper.ts";
import { typistAnswer, type TypistAnswer } from "./typist.ts";

/** More than can be brought in the time of any measurement: such a download ends when it is stopped. */
export const ENDLESS_BYTES = 100e9;
/** What must have crossed the server for the bytes to have gone that way, of what came. */
const CROSSED_SHARE = 0.9;

/** A stand with users at its client's host: someone who downloads, and someone who types. */
export class Rig {
  readonly stand: Stand;
  readonly #downloads: Helper;
  readonly #typist: Helper;
  #crossedBefore = 0;

  private constructor(stand: Stand, downloads: Helper, typist: Helper) {
    this.stand = stand;
    this.#downloads = downloads;
    this.#typist = typist;
  }

  /** Starts the load's two ends, both made to speak the contestant's transport. */
  static async open(stand: Stand, closer: Closer): Promise<Rig> {
    const { lab, way } = stand;
    const start = async (host: string, name: string): Promise<Helper> => {
      const helper = await Helper.start(lab, host, name, way.wrapper);
      closer.add(name, () => helper.stop());
      return helper;
    };
    for (const name of ["source-main", "echo-main"])
      await (await start(WEB.host, name)).ask({}, z.object({}));
    return new Rig(stand, await start(way.client, "downloads-main"), await start(way.client, "typist-main"));
  }

  get name(): string {
    return this.stand.name;
  }

  /** Begins downloads; settles when each has brought something. */
  async download({
    count = 1,
    bytes = ENDLESS_BYTES,
  }: { count?: number; bytes?: number } = {}): Promise<void> {
    this.#crossedBefore = await this.#crossed();
    const { address } = this.stand.way;
    await this.#downloads.ask({ kind: "begin", address, count, bytes }, downloadsAnswer);
  }

  /** Waits until the downloads end by themselves, but not longer than so. */
  async downloaded(limitMs: number): Promise<void> {
    await this.#downloads.ask({ kind: "wait", ms: limitMs }, downloadsAnswer);
  }

  /** Ends the downloads. Throws `bench-load` when they came another way than through the server. */
  async stopDownloads(): Promise<DownloadsAnswer> {
    const answer = await this.#downloads.ask({ kind: "stop" }, downloadsAnswer);
    const bytes = answer.timeline.bytes.reduce((sum, each) => sum + each, 0);
    const crossed = (await this.#crossed()) - this.#crossedBefore;
    if (!this.stand.way.crossesServer || crossed >= bytes * CROSSED_SHARE) return answer;
    const share = Math.round((crossed / bytes) * 100);
    throw await this.failure(`only ${share} % of the bytes went through the server`);
  }

  /** Begins to type. */
  async type(): Promise<void> {
    await this.#typist.ask({ kind: "begin", address: this.stand.way.address }, typistAnswer);
  }

  stopTyping(): Promise<TypistAnswer> {
    return this.#typist.ask({ kind: "stop" }, typistAnswer);
  }

  /** Throws `bench-load` unless every byte that came is right, and nothing ended that was not ended by us. */
  async mustBeWhole({ bytesWrong, cut }: DownloadsAnswer): Promise<void> {
    if (cut[0] !== undefined) throw await this.failure(`a download ended: ${cut[0]}`);
    if (bytesWrong > 0) throw await this.failure(`${bytesWrong} bytes of a download were wrong`);
  }

  async failure(what: string): Promise<SennitError> {
    const log = await this.stand.log();
    return new SennitError(
      "peer",
      "bench-load",
      `${this.name}: ${what}${log === "" ? "" : `; it said: ${log}`}`,
    );
  }

  /** Bytes that came to the server from outside so far. */
  async #crossed(): Promise<number> {
    return (await this.stand.lab.link(SERVER.host).counters()).down.bytes;
  }
}

/** A rig for each stand. */
export function rigsOf(stands: readonly Stand[], closer: Closer): Promise<Rig[]> {
  return Promise.all(stands.map((stand) => Rig.open(stand, closer)));
}

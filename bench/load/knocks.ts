import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf, SennitError } from "../../src/base/errors.ts";
import type { Helper } from "./helper.ts";
import { nowMs } from "./timeline.ts";

/** Someone who tries again and again whether there is any internet, as the helper `knocks-main.ts` does. */

export const knocksErrand = z.discriminatedUnion("kind", [
  /** A new connection every so often, and a question for a name where a resolver is given. */
  z.strictObject({ kind: z.literal("begin"), address: z.string(), resolver: z.string().nullable() }),
  /** What came of all so far. */
  z.strictObject({ kind: z.literal("look") }),
  z.strictObject({ kind: z.literal("stop") }),
]);
export type KnocksErrand = z.output<typeof knocksErrand>;

const knock = z.strictObject({
  of: z.enum(["connection", "name"]),
  /** By `nowMs()`. */
  begunMs: z.number(),
  /** When it was answered, or given up. */
  endedMs: z.number(),
  /** As whom the web host saw it, or what the name stands for; null where there was no answer. */
  answer: z.string().nullable(),
  why: z.string().nullable(),
});
/** One try. */
export type Knock = z.output<typeof knock>;
export const knocksAnswer = z.strictObject({ knocks: z.array(knock) });
export type KnocksAnswer = z.output<typeof knocksAnswer>;

/** Time between two tries (ms): what is measured is told by so much. */
export const KNOCK_EVERY_MS = 50;
/** A page that takes longer is no page (ms); a SYN that is lost is sent again after a second (RFC 6298). */
const PATIENCE_MS = 1500;
const PORT = 80;
const REQUEST = "GET /hello HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";

export class Knocker {
  #knocks: Knock[] = [];
  #stopped = false;
  #at = 0;

  run(errand: KnocksErrand): Promise<KnocksAnswer> {
    if (errand.kind === "begin") {
      const { address, resolver } = errand;
      void this.#again("connection", () => greet(address));
      if (resolver !== null) void this.#again("name", () => resolve(resolver, `n${this.#at++}.example.net`));
    }
    this.#stopped ||= errand.kind === "stop";
    const knocks = this.#knocks;
    this.#knocks = [];
    return Promise.resolve({ knocks });
  }

  async #again(of: Knock["of"], ask: () => Promise<string>): Promise<void> {
    for (let next = nowMs(); !this.#stopped; next += KNOCK_EVERY_MS) {
      await sleep(Math.max(0, next - nowMs()));
      void this.#note(of, ask);
    }
  }

  async #note(of: Knock["of"], ask: () => Promise<string>): Promise<void> {
    const begunMs = nowMs();
    const [answer, why] = await ask().then(
      (text) => [text, null] as const,
      (error: unknown) => [null, messageOf(error)] as const,
    );
    this.#knocks.push({ of, begunMs, endedMs: nowMs(), answer, why });
  }
}

/** As whom the web host sees us. */
function greet(host: string): Promise<string> {
  return new Promise((settle, reject) => {
    let text = "";
    const socket = connect({ host, port: PORT, noDelay: true });
    const limit = setTimeout(() => socket.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)), PATIENCE_MS);
    socket.setEncoding("latin1").write(REQUEST);
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(limit);
      const seenAs = /^HTTP\/1\.1 200 .*\bhello (\S+)\n/s.exec(text)?.[1];
      if (seenAs === undefined) reject(new Error("ended without an answer"));
      else settle(seenAs);
    });
  });
}

async function resolve(server: string, name: string): Promise<string> {
  const resolver = new Resolver({ timeout: PATIENCE_MS, tries: 1 });
  resolver.setServers([server]);
  const [address] = await resolver.resolve4(name);
  return address ?? "nothing";
}

/** What a knocker on a host of the lab found, all of it. */
export class Knocks {
  readonly #helper: Helper;
  readonly #knocks: Knock[] = [];

  constructor(helper: Helper) {
    this.#helper = helper;
  }

  begin(address: string, resolver: string): Promise<void> {
    return this.#ask({ kind: "begin", address, resolver });
  }

  /** Asks what came of all so far. */
  look(): Promise<void> {
    return this.#ask({ kind: "look" });
  }

  /** Those that were begun in that time and have ended, in the order in which they began. */
  of(of: Knock["of"], fromMs: number, toMs: number): readonly Knock[] {
    return this.#knocks
      .filter((one) => one.of === of && one.begunMs >= fromMs && one.begunMs < toMs)
      .sort((a, b) => a.begunMs - b.begunMs);
  }

  /** Waits until all that have ended are as wanted. Throws `bench-load` when they are not in time. */
  async until(isWanted: (all: readonly Knock[]) => boolean, limitMs: number): Promise<void> {
    for (const end = nowMs() + limitMs; ; await sleep(KNOCK_EVERY_MS)) {
      await this.look();
      if (isWanted(this.#knocks.toSorted((a, b) => a.begunMs - b.begunMs))) return;
      if (nowMs() > end)
        throw new SennitError("peer", "bench-load", `not as wanted after ${limitMs} ms: ${this.#last()}`);
    }
  }

  async #ask(errand: KnocksErrand): Promise<void> {
    const { knocks } = await this.#helper.ask(errand, knocksAnswer);
    this.#knocks.push(...knocks);
  }

  #last(): string {
    return JSON.stringify(this.#knocks.slice(-4));
  }
}

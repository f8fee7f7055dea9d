import { SennitError } from "../base/errors.ts";
import type { SubflowInfo } from "../linux/sockets.ts";
import type { Carrier } from "./carrier.ts";

/** Nothing heard so long (ms) after something was said: asked for a sign of life. Many answers are there by then. */
const ASK_AFTER_MS = 150;
/** The answer to that takes no longer than this (ms), or so many round trips where they are longer. */
const ANSWER_MS = 250;
const ANSWER_ROUND_TRIPS = 2;
/** A plain connection has one way, and no kernel that looks for another: it is given this (ms) while others are heard. */
const ONE_WAY_MS = 500;
/** The kernel has repaired by then (ms) what it can; else the carrier is as good as lost while others are heard. */
const REPAIRED_MS = 3000;

/** How often `look` is to be called (ms). */
export const SILENCE_TICK_MS = 50;

/** What is known of a carrier that was asked and has not answered. */
interface Asked {
  readonly at: number;
  againAt: number;
  doubtful: boolean;
}

/**
 * Which carriers are silent although they were asked. What the kernel hears on any subflow is a sign of life as well: on
 * a busy line an answer may wait for seconds behind a queue.
 */
export class Silence {
  readonly #carriers: ReadonlySet<Carrier>;
  readonly #asked = new Map<Carrier, Asked>();

  constructor(carriers: ReadonlySet<Carrier>) {
    this.#carriers = carriers;
  }

  /** Whether it was asked and did not answer in time. */
  isDoubtful(carrier: Carrier): boolean {
    return this.#asked.get(carrier)?.doubtful === true;
  }

  /** Asks those that are silent. To be called often. */
  look(now: number): void {
    for (const carrier of this.#asked.keys()) {
      if (carrier.closed || carrier.waitingSince === undefined) this.#asked.delete(carrier);
    }
    for (const carrier of this.#carriers) {
      const { waitingSince } = carrier;
      if (waitingSince === undefined || now - waitingSince < ASK_AFTER_MS) continue;
      const asked = this.#asked.get(carrier) ?? { at: now, againAt: now, doubtful: false };
      this.#asked.set(carrier, asked);
      const before = asked.doubtful;
      asked.doubtful = isUnanswered(carrier, now - asked.at);
      if (asked.doubtful && !before) this.#askAll(asked.at);
      // What was acknowledged proves nothing about the way any more.
      if (asked.doubtful || now < asked.againAt) continue;
      asked.againAt = now + ANSWER_MS;
      carrier.ping();
    }
  }

  /** Is it this one, or the peer? And who else? */
  #askAll(since: number): void {
    for (const carrier of this.#carriers) {
      if (carrier.waitingSince === undefined && carrier.heardAt <= since) carrier.ping();
    }
  }

  /**
   * Carriers that are lost, as far as this end can tell: doubtful ones, where one that was dialled since is up; and
   * others that had more time, while the peer is heard on any.
   */
  lost(now: number): readonly Carrier[] {
    const well = [...this.#carriers].filter((carrier) => !this.isDoubtful(carrier));
    return [...this.#asked].flatMap(([carrier, { at, doubtful }]) => {
      if (!doubtful) return [];
      const isOvertaken = well.some(({ startedAt }) => startedAt > at);
      const isAlone = well.some(({ heardAt }) => heardAt > at) && now - at >= patienceFor(carrier);
      return isOvertaken || isAlone ? [carrier] : [];
    });
  }
}

const patienceFor = ({ plain }: Carrier): number => (plain ? ONE_WAY_MS : REPAIRED_MS);

/** Whether it was asked so long ago (ms) without an answer, and the way is to blame: a busy peer still acknowledges. */
function isUnanswered(carrier: Carrier, sinceMs: number): boolean {
  if (sinceMs < ANSWER_MS) return false;
  const subflows = (carrier.info()?.subflows ?? []).filter(({ state }) => state === "established");
  const limitMs = Math.max(ANSWER_MS, ...subflows.map(({ rttMs = 0 }) => ANSWER_ROUND_TRIPS * rttMs));
  const isHeard = ({ lastAckRecvMs, lastDataRecvMs }: SubflowInfo): boolean =>
    Math.min(lastAckRecvMs, lastDataRecvMs) <= limitMs;
  const isOwed = subflows.length === 0 || subflows.some(({ unackedSegments }) => unackedSegments > 0);
  return sinceMs >= limitMs && isOwed && !subflows.some(isHeard);
}

/** What a carrier is closed with that is lost. */
export const deafness = (now: number, { heardAt }: Carrier): SennitError =>
  new SennitError("network", "carrier-deaf", `nothing heard for ${Math.round(now - heardAt)} ms`);

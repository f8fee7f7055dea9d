import { describe, expect, test } from "vitest";
import type { SubflowSight } from "./sight.ts";
import { Watch } from "./watch.ts";

const SERVER = { address: "203.0.113.1", port: 443 };

/** A sender over one WAN, whose answers cease and come back as told. */
class Sender {
  readonly #address: string;
  readonly #rttMs: number;
  #delivered = 0;
  #ackedAt = 0;
  #sentAt = 0;
  unacked = 0;
  resent = 0;

  constructor(address: string, rttMs: number) {
    this.#address = address;
    this.#rttMs = rttMs;
  }

  /** So many segments are on their way, and one more was answered. */
  moves(now: number, unacked = 100): void {
    this.#delivered++;
    this.#ackedAt = this.#sentAt = now;
    this.unacked = unacked;
  }

  sends(now: number, unacked: number): void {
    this.#sentAt = now;
    this.unacked = unacked;
  }

  sight(now: number): SubflowSight {
    return {
      local: { address: this.#address, port: 1 },
      remote: SERVER,
      established: true,
      silentMs: now - this.#ackedAt,
      lastAckMs: now - this.#ackedAt,
      lastSentMs: now - this.#sentAt,
      delivered: this.#delivered,
      unacked: this.unacked,
      timeouts: 0,
      rttMs: this.#rttMs,
      jitterMs: 1,
      sentBytes: this.#delivered * 100_000,
      resentBytes: this.resent,
    };
  }
}

const STEP_MS = 10;

/** What is thought of the fibre, with the time of each change, while `act` does what happens every 10 ms until `end`. */
function story(end: number, act: (now: number, fibre: Sender, lte: Sender) => void): string[] {
  const [fibre, lte] = [new Sender("192.0.2.1", 16), new Sender("192.0.2.2", 50)];
  const watch = new Watch();
  const changes: string[] = [];
  let last = "well";
  for (let now = 0; now <= end; now += STEP_MS) {
    act(now, fibre, lte);
    const [judged] = watch.look(now, [fibre.sight(now), lte.sight(now)]);
    if (judged !== undefined && judged.judgement !== last) changes.push(`${now} ${judged.judgement}`);
    last = judged?.judgement ?? "gone";
  }
  return changes;
}

describe("a subflow whose bytes are not acknowledged any more", () => {
  test("is suspect, then dead, counted from the last answer", () => {
    const seen = story(700, (now, fibre, lte) => {
      if (now <= 500) fibre.moves(now);
      lte.moves(now);
    });
    expect(seen).toEqual(["580 suspect", "620 dead"]);
  });

  test("is well again as soon as one is", () => {
    const seen = story(700, (now, fibre, lte) => {
      if (now <= 500 || now >= 600) fibre.moves(now);
      lte.moves(now);
    });
    expect(seen).toEqual(["580 suspect", "600 well"]);
  });

  test("is not blamed while nothing is heard anywhere, nor for that time when others are first to go on", () => {
    const seen = story(1200, (now, fibre, lte) => {
      if (now <= 500 || now >= 1050) fibre.moves(now);
      if (now <= 500 || now >= 1000) lte.moves(now);
    });
    expect(seen).toEqual(["580 suspect", "1050 well"]);
  });

  test("is blamed once others have gone on for long enough", () => {
    const seen = story(1300, (now, fibre, lte) => {
      if (now <= 500) fibre.moves(now);
      if (now <= 500 || now >= 1000) lte.moves(now);
    });
    expect(seen).toEqual(["580 suspect", "1120 dead"]);
  });

  test("is dead beside one that has nothing to send", () => {
    const seen = story(700, (now, fibre) => {
      if (now <= 500) fibre.moves(now);
    });
    expect(seen).toEqual(["580 suspect", "620 dead"]);
  });
});

test("what was silent because nothing was sent waits from when something is", () => {
  const seen = story(2000, (now, fibre, lte) => {
    if (now >= 1000) fibre.sends(now, 5);
    lte.moves(now);
  });
  expect(seen).toEqual(["1080 suspect", "1120 dead"]);
});

test("busy is not dead: acknowledgements that trickle in out of deep queues are enough", () => {
  const seen = story(5000, (now, fibre, lte) => {
    if (now % 50 === 0) fibre.moves(now, 3000);
    lte.moves(now);
  });
  expect(seen).toEqual([]);
});

test("a line that loses much needs a longer run", () => {
  const seen = story(900, (now, fibre, lte) => {
    // A fifth is sent again: nine in a row are no chance any more.
    fibre.resent = (now / STEP_MS) * 20_000;
    if (now <= 500) fibre.moves(now, 8);
    else if (now >= 800) fibre.sends(now, 9);
    lte.moves(now);
  });
  expect(seen).toEqual(["580 suspect", "800 dead"]);
});

test("the only one is never dead, and one that connects is not judged", () => {
  const fibre = new Sender("192.0.2.1", 16);
  const watch = new Watch();
  fibre.moves(0);
  watch.look(0, [fibre.sight(0)]);
  expect(watch.waiting).toBe(true);
  expect(watch.look(5000, [fibre.sight(5000)])).toMatchObject([{ judgement: "suspect", heardAt: 0 }]);
  const connecting = { ...fibre.sight(9000), established: false };
  expect(watch.look(9000, [connecting])).toMatchObject([{ judgement: "well" }]);
});

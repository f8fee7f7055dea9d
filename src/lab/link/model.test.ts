import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settingsOf } from "../topology/linksettings.ts";
import { LinkModel, LOST, OVERFLOWED } from "./model.ts";
import { seededRandom } from "./random.ts";
import type { DirectionSettings } from "./settings.ts";

const PLAIN = settingsOf({ rate: 8e6, queue: 64 * 1024 });
const link = (settings: Partial<DirectionSettings>, seed = "seed"): LinkModel =>
  new LinkModel({ ...PLAIN, ...settings }, seededRandom(seed));

/** At 8 Mbit/s a byte takes a microsecond, so 1000 bytes take 1 ms. */
describe("the arithmetic", () => {
  test("a packet takes its delay and its own length", () => {
    expect(link({ delay: 8 }).offer(1000, 5)).toBe(5 + 8 + 1);
  });

  test("packets wait for each other", () => {
    const model = link({ delay: 8 });
    expect([0, 0, 0.5].map((now) => model.offer(1000, now))).toEqual([9, 10, 11]);
    expect(model.backlog(0.5)).toBe(2500);
    // The transmitter was idle in between.
    expect(model.offer(1000, 100)).toBe(109);
  });

  test("the queue takes what fits, to the byte, and one packet always", () => {
    const model = link({ queue: 3000 });
    expect([0, 0, 0, 0].map(() => model.offer(1000, 0))).toEqual([1, 2, 3, OVERFLOWED]);
    // Half a packet has left since.
    expect(model.offer(501, 0.5)).toBe(OVERFLOWED);
    expect(model.offer(500, 0.5)).toBe(3.5);
    expect(link({ queue: 1 }).offer(1500, 0)).toBe(1.5);
  });

  test("without a rate, only the delay", () => {
    const model = link({ rate: Infinity, delay: 3, queue: 0 });
    expect(Array.from({ length: 1000 }, () => model.offer(1500, 0))).toEqual(Array(1000).fill(3));
    expect(model.backlog(0)).toBe(0);
  });

  test("what is on its way keeps its time when the link changes", () => {
    const model = link({ delay: 100 });
    expect(model.offer(1000, 0)).toBe(101);
    model.apply({ ...PLAIN, rate: 80e6, delay: 1 }, 1);
    // Faster now, but still behind the one before.
    expect(model.offer(1000, 1)).toBe(101.1);
    model.apply({ ...PLAIN, rate: Infinity, delay: 1 }, 1);
    expect(model.offer(1000, 1)).toBe(101.1);
    expect(model.offer(1000, 200)).toBe(201);
  });

  test("so many packets may be under way, whatever their size", () => {
    const model = link({ limit: 3, queue: Infinity });
    expect(model.offer(1500, 0, 2)).toBe(1.5);
    expect(model.offer(60, 0, 3)).toBe(OVERFLOWED);
    expect(model.offer(60, 0, 2)).toBe(1.56);
  });

  test("some packets are held back", () => {
    const model = link({ reorder: { share: 100, by: 7 } });
    const held = Array.from({ length: 20_000 }, () => model.heldBack());
    expect(new Set(held)).toEqual(new Set([0, 7]));
    // 2000 expected; four standard deviations are 170.
    expect(Math.abs(held.filter((by) => by > 0).length - 2000)).toBeLessThan(170);
    expect(link({}).heldBack()).toBe(0);
  });

  test("losses come as often as told, and the same for the same seed", () => {
    const losses = (seed: string): number[] => {
      const model = link({ rate: Infinity, loss: 20 }, seed);
      return Array.from({ length: 50_000 }, (_, index) => model.offer(100, index)).map(Math.sign);
    };
    const lost = losses("a").filter((sign) => sign === LOST).length;
    // 1000 expected; four standard deviations are 125.
    expect(lost).toBeGreaterThan(875);
    expect(lost).toBeLessThan(1125);
    expect(losses("a")).toEqual(losses("a"));
    expect(losses("a")).not.toEqual(losses("b"));
    expect(link({ loss: 1000 }).offer(1, 0)).toBe(LOST);
    expect(link({ loss: 0 }).offer(1, 0)).toBeGreaterThan(0);
  });

  test("delays vary as told", () => {
    const model = link({ rate: Infinity, delay: 50, jitter: 5 });
    // Far enough apart that none has to wait for the one before.
    const delays = Array.from(
      { length: 20_000 },
      (_, index) => model.offer(100, index * 1000) - index * 1000,
    );
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    const deviation = Math.sqrt(delays.reduce((sum, delay) => sum + (delay - mean) ** 2, 0) / delays.length);
    expect(mean).toBeCloseTo(50, 0);
    expect(deviation).toBeCloseTo(5, 0);
  });
});

const settings = fc
  .record({
    rate: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1000, max: 1e9 })),
    delay: fc.float({ min: 0, max: 500, noNaN: true }),
    jitter: fc.float({ min: 0, max: 50, noNaN: true }),
    loss: fc.integer({ min: 0, max: 200 }),
    queue: fc.integer({ min: 2048, max: 200_000 }),
  })
  .map((said) => ({ ...PLAIN, ...said }));
/** Gap to the packet before in ms, and bytes. */
const traffic = fc.array(
  fc.tuple(fc.float({ min: 0, max: 20, noNaN: true }), fc.integer({ min: 60, max: 1514 })),
  { minLength: 1, maxLength: 200 },
);

interface Passage {
  readonly size: number;
  readonly now: number;
  readonly at: number;
}

/** What a model makes of some traffic. */
function run(model: LinkModel, packets: readonly (readonly [number, number])[]): Passage[] {
  let now = 0;
  return packets.map(([gap, size]) => {
    now += gap;
    return { size, now, at: model.offer(size, now) };
  });
}

/** Floating-point sums of milliseconds up to some 1e5 are off by less. */
const ROUNDING_MS = 1e-6;

describe("for any link and any traffic", () => {
  test("order is kept, and nothing comes before it was sent", () => {
    fc.assert(
      fc.property(settings, traffic, (link, packets) => {
        const arrived = run(new LinkModel(link, seededRandom("x")), packets).filter(({ at }) => at >= 0);
        for (const [index, { at, now }] of arrived.entries()) {
          expect(at).toBeGreaterThanOrEqual(now);
          expect(at).toBeGreaterThanOrEqual(arrived[index - 1]?.at ?? 0);
        }
      }),
    );
  });

  test("the rate is not exceeded in any window", () => {
    fc.assert(
      fc.property(settings, traffic, (link, packets) => {
        const arrived = run(new LinkModel(link, seededRandom("x")), packets).filter(({ at }) => at >= 0);
        for (const [from, first] of arrived.entries()) {
          let bits = 0;
          for (const { size, at } of arrived.slice(from + 1)) {
            bits += size * 8;
            expect(at - first.at).toBeGreaterThanOrEqual((bits / link.rate) * 1000 - ROUNDING_MS);
          }
        }
      }),
    );
  });

  test("nothing overflows while the queue has room, nothing is taken when it has not", () => {
    fc.assert(
      fc.property(settings, traffic, (link, packets) => {
        // Without jitter the queue can be counted from outside: what has not left yet is there.
        const steady = { ...link, jitter: 0 };
        const passages = run(new LinkModel(steady, seededRandom("x")), packets);
        const wrong = passages.filter(({ now, size, at }, index) => {
          const last = passages.slice(0, index).findLast((before) => before.at >= 0)?.at ?? 0;
          const wait = Math.max(0, last - (now + steady.delay));
          const waiting = steady.rate === Infinity ? 0 : (wait * steady.rate) / 8000;
          const room = steady.queue - waiting - size;
          // A byte of tolerance, as both sides round.
          return at === OVERFLOWED ? room >= 1 : at >= 0 && waiting > 0 && room <= -1;
        });
        expect(wrong).toEqual([]);
      }),
    );
  });

  test("a link without loss, jitter or too much traffic delivers everything on time", () => {
    fc.assert(
      fc.property(settings, traffic, (link, packets) => {
        const steady = { ...link, jitter: 0, loss: 0, queue: Infinity };
        const bits = packets.reduce((sum, [, size]) => sum + size * 8, 0);
        for (const { now, at } of run(new LinkModel(steady, seededRandom("x")), packets)) {
          expect(at).toBeGreaterThanOrEqual(now + steady.delay);
          expect(at).toBeLessThanOrEqual(now + steady.delay + (bits / steady.rate) * 1000 + ROUNDING_MS);
        }
      }),
    );
  });
});

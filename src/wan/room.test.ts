import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Queue } from "./queue.ts";
import { Room, type RoomSight } from "./room.ts";

const MEGABYTE = 1e6;
const SIGHT: RoomSight = { bulkFlows: 10, others: true, underway: MEGABYTE, waitMs: 0, rttMs: 16 };

describe("the room for bulk", () => {
  test("is without bounds for one flow, and before any round trip is known", () => {
    const room = new Room();
    for (const change of [{ bulkFlows: 1 }, { bulkFlows: 0 }, { rttMs: 0 }]) {
      room.look({ ...SIGHT, waitMs: 1000, ...change });
      expect(room.bytes).toBe(Infinity);
    }
  });

  test("begins with what is under way, shrinks while others would wait too long, and grows where it is used and they do not", () => {
    const room = new Room();
    room.look({ ...SIGHT, waitMs: 10 });
    expect(room.bytes).toBe(MEGABYTE);
    room.look({ ...SIGHT, waitMs: 15 });
    const less = room.bytes;
    expect(less).toBeLessThan(MEGABYTE);
    room.look({ ...SIGHT, underway: less / 2 });
    expect(room.bytes).toBe(less);
    room.look({ ...SIGHT, underway: less });
    expect(room.bytes).toBeGreaterThan(less);
  });

  test("is not narrow where nobody else has anything to say", () => {
    const [shared, alone] = [new Room(), new Room()];
    for (const [room, others] of [
      [shared, true],
      [alone, false],
    ] as const)
      for (let look = 0; look < 10; look++) room.look({ ...SIGHT, others, waitMs: 40 });
    expect(shared.bytes).toBeLessThan(MEGABYTE / 2);
    expect(alone.bytes).toBeGreaterThanOrEqual(MEGABYTE);
  });

  test("changes by steps, and never to less than what bulk needs to live beside somebody else's queue", () => {
    const sight = fc.record({
      bulkFlows: fc.integer({ min: 2, max: 500 }),
      others: fc.boolean(),
      underway: fc.nat({ max: 1e9 }),
      waitMs: fc.nat({ max: 5000 }),
      rttMs: fc.integer({ min: 1, max: 800 }),
    });
    fc.assert(
      fc.property(fc.array(sight, { maxLength: 60 }), (sights) => {
        const room = new Room();
        let before = Infinity;
        for (const one of sights) {
          room.look(one);
          expect(room.bytes).toBeGreaterThanOrEqual(256 * 1024);
          if (before !== Infinity) {
            expect(room.bytes).toBeGreaterThanOrEqual(before * 0.85 - 1);
            expect(room.bytes).toBeLessThanOrEqual(before * 1.08 + 1);
          }
          before = room.bytes;
        }
      }),
    );
  });
});

describe("the queue on the way", () => {
  const seen = (path: string, rttMs: number, minRttMs: number) => ({ path, rttMs, minRttMs });

  test("is that of the path with the shortest round trip, whose shortest is remembered", () => {
    const queue = new Queue();
    expect([queue.rttMs, queue.waitMs]).toEqual([0, 0]);
    queue.look([seen("lte", 170, 50), seen("fibre", 16, 16)]);
    expect([queue.rttMs, queue.waitMs]).toEqual([16, 0]);
    queue.look([seen("lte", 50, 50), seen("fibre", 30, 24), seen("fibre", 46, 25), seen("fibre", 90, 26)]);
    expect([queue.rttMs, queue.waitMs]).toEqual([16, 30]);
    queue.look([]);
    expect([queue.rttMs, queue.waitMs]).toEqual([16, 30]);
  });

  test("remembers a bounded number of paths", () => {
    const queue = new Queue();
    for (let path = 0; path < 1000; path++) queue.look([seen(String(path), 20, 10)]);
    expect(queue.waitMs).toBeGreaterThanOrEqual(0);
  });
});

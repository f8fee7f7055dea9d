import { expect, test } from "vitest";
import { BufferPool } from "./bufferpool.ts";

const take = (pool: BufferPool, count: number): readonly Buffer[] =>
  Array.from({ length: count }, () => pool.take());

test("what is given back is used again", () => {
  const pool = new BufferPool(100);
  const first = pool.take();
  pool.give(first);
  expect(pool.take()).toBe(first);
  expect(pool.take()).not.toBe(first);
});

test("what is used again and again stays, however often it is trimmed", () => {
  const pool = new BufferPool(100);
  const before = new Set(take(pool, 64));
  for (const buffer of before) pool.give(buffer);
  pool.trim();
  for (let round = 0; round < 100; round++) {
    const taken = take(pool, 64);
    expect(taken.every((buffer) => before.has(buffer))).toBe(true);
    for (const buffer of taken) pool.give(buffer);
    pool.trim();
  }
});

test("what nobody needs any more is let go, all of it in the end", () => {
  const pool = new BufferPool(100);
  for (const buffer of take(pool, 1000)) pool.give(buffer);
  const left = Array.from({ length: 45 }, () => {
    pool.trim();
    return pool.free;
  });
  // The first finds buffers that were all in use since the last.
  expect(left[0]).toBe(1000);
  expect(left[1]).toBe(875);
  expect(left[30]).toBeLessThan(30);
  expect(left.at(-1)).toBe(0);
});

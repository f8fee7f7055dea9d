import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FrameQueue, MAX_FRAME } from "./framequeue.ts";

/** Reads a frame of `size` bytes, all `mark`, as the loop reads one from a device. */
function put(queue: FrameQueue, size: number, mark: number, due = mark): boolean {
  const { hasRoom, free } = queue;
  // The whole of the room that a read may use, to see that nobody else's frame is there.
  queue.memory.bytes.fill(255, free, free + MAX_FRAME);
  queue.memory.bytes.fill(mark, free, free + size);
  if (hasRoom) queue.push(size, due);
  return hasRoom;
}

function take(queue: FrameQueue): { size: number; mark: number; whole: boolean; due: number } {
  const frame = queue.memory.bytes.subarray(queue.offset, queue.offset + queue.size);
  const taken = { size: queue.size, mark: frame[0] ?? -1, whole: new Set(frame).size === 1, due: queue.due };
  queue.pop();
  return taken;
}

test("an empty queue", () => {
  const queue = new FrameQueue(10_000);
  expect(queue.length).toBe(0);
  expect(queue.due).toBe(Infinity);
  expect(queue.hasRoom).toBe(true);
});

const step = fc.oneof(
  fc.record({ put: fc.integer({ min: 60, max: MAX_FRAME }), take: fc.constant(0) }),
  fc.record({ put: fc.constant(0), take: fc.integer({ min: 1, max: 3 }) }),
);

test("any frames come out as they went in, and what was promised fits, whatever the capacity", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20_000 }),
      fc.array(step, { minLength: 20, maxLength: 300 }),
      (capacity, steps) => {
        const queue = new FrameQueue(capacity);
        const model: { size: number; mark: number; whole: boolean; due: number }[] = [];
        let mark = 0;
        for (const step of steps) {
          for (const frame of model.splice(0, step.take)) expect(take(queue)).toEqual(frame);
          if (step.put === 0) continue;
          mark = (mark + 1) % 250;
          const held = model.reduce((sum, { size }) => sum + size, 0);
          const taken = put(queue, step.put, mark);
          // An end of the memory may be left unused, and the place for one largest frame has to be in one piece.
          expect(taken || held + 2 * MAX_FRAME > queue.capacity).toBe(true);
          if (taken) model.push({ size: step.put, mark, whole: true, due: mark });
          expect(queue.length).toBe(model.length);
        }
      },
    ),
  );
});

test("a full queue still has a place to read into", () => {
  const queue = new FrameQueue(0);
  let count = 0;
  while (put(queue, 1500, count % 200)) count++;
  expect(count).toBeGreaterThanOrEqual(2);
  for (let index = 0; index < 5; index++) expect(put(queue, MAX_FRAME, 240)).toBe(false);
  for (let index = 0; index < count; index++) expect(take(queue)).toMatchObject({ mark: index, whole: true });
});

test("moved to another capacity, frames keep their order and time; what does not fit stays behind", () => {
  const queue = new FrameQueue(100_000);
  for (let mark = 0; mark < 40; mark++) put(queue, 1000 + mark, mark, mark * 10);
  const larger = queue.moveTo(200_000);
  expect(queue.length).toBe(0);
  expect(larger.length).toBe(40);
  const smaller = larger.moveTo(10_000);
  expect(larger.length + smaller.length).toBe(40);
  for (let mark = 0; smaller.length > 0; mark++)
    expect(take(smaller)).toEqual({ size: 1000 + mark, mark, whole: true, due: mark * 10 });
});

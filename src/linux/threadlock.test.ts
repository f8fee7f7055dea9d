import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { exclusive } from "./threadlock.ts";

const ROUNDS = 20_000;

/** Adds one, ROUNDS times, in two steps that another thread may come between. */
const source = `
  import { workerData } from "node:worker_threads";
  const { lock, cells } = workerData;
  const { exclusive } = await import(lock);
  for (let round = 0; round < ${ROUNDS}; round++) exclusive(() => { const seen = cells[0]; cells[0] = seen + 1; });
`;

test("threads come one after the other", async () => {
  const cells = new Int32Array(new SharedArrayBuffer(4));
  const lock = new URL("./threadlock.ts", import.meta.url).href;
  const threads = [1, 2, 3].map(
    () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData: { lock, cells },
      }),
  );
  const ended = threads.map(
    (thread) =>
      new Promise<void>((resolve, reject) => {
        thread.once("error", reject);
        thread.once("exit", () => resolve());
      }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    exclusive(() => {
      const seen = cells[0] ?? 0;
      cells[0] = seen + 1;
    });
  }
  await Promise.all(ended);
  expect(cells[0]).toBe((threads.length + 1) * ROUNDS);
});

test("what fails lets go", () => {
  const fail = (): never => {
    throw new Error("no");
  };
  expect(() => exclusive(fail)).toThrow("no");
  expect(exclusive(() => 1)).toBe(1);
});

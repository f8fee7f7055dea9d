import { expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { MonitorRun } from "./monitorprogram.ts";

/** Restarts that are looked at: were each failure to start two, there would be eight programs in the last. */
const RESTARTS = 3;

test("one that ends before it listens is started again once a second, never twice", async () => {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const program = { argv: ["false"], netlinkProtocol: 0, concerns: () => true } as const;
  const run = new MonitorRun(program, { clock, log, onNews: () => undefined });
  await expect(run.start()).rejects.toMatchObject({ code: "monitor-failed" });
  for (let restart = 1; restart <= RESTARTS; restart++) {
    await expect.poll(() => clock.nextAt).toBe(restart * 1000);
    // Also what tells of the failed start a moment after the end has been heard.
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(1000);
    expect(log.lines).toHaveLength(restart);
  }
  await run.stop();
  expect(clock.nextAt).toBeUndefined();
});

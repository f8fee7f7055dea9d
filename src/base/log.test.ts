import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { MemoryLog } from "./log.ts";

test("one JSON object per line on standard error, with the fields of the parents, nothing below the level", () => {
  const program = `
    import { createLog } from "./src/base/log.ts";
    const log = createLog({ name: "router", level: "info" }).child({ session: 7 });
    log.debug({}, "too much");
    log.info({ carrier: 2 }, "carrier up");
    log.error({ err: new Error("why") }, "carrier lost");
    process.kill(process.pid, "SIGKILL");
  `;
  const output = execFileSync(
    "sh",
    ["-c", 'exec 2>&1; "$0" --input-type=module -e "$1" || true', process.execPath, program],
    {
      encoding: "utf8",
    },
  );
  const lines = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toMatchObject([
    {
      level: "info",
      name: "router",
      session: 7,
      carrier: 2,
      msg: "carrier up",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    },
    { level: "error", name: "router", session: 7, msg: "carrier lost", err: { message: "why" } },
  ]);
});

test("the log of tests keeps lines and parents' fields", () => {
  const log = new MemoryLog();
  log.child({ a: 1 }).child({ b: 2 }).warn({ c: 3 }, "careful");
  log.info({}, "done");
  expect(log.lines).toEqual([
    { level: "warn", fields: { a: 1, b: 2, c: 3 }, message: "careful" },
    { level: "info", fields: {}, message: "done" },
  ]);
});

import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "./clock.ts";
import { limited } from "./limited.ts";
import { MemoryLog, type Log } from "./log.ts";

const MINUTE_MS = 60_000;

let clock: ManualClock;
let memory: MemoryLog;
let log: Log;

beforeEach(() => {
  clock = new ManualClock();
  memory = new MemoryLog();
  log = limited(memory, clock, { lines: 3 });
});

const messages = (): string[] => memory.lines.splice(0).map(({ level, message }) => `${level} ${message}`);
const repeat = (count: number, write: (index: number) => void): void => {
  for (let index = 0; index < count; index++) write(index);
};

test("a flood is cut, and counted once the minute is over", () => {
  repeat(40, (remote) => log.warn({ remote }, "refused"));
  expect(memory.lines.map(({ fields }) => fields)).toEqual([{ remote: 0 }, { remote: 1 }, { remote: 2 }]);
  memory.lines.length = 0;
  clock.advance(MINUTE_MS - 1);
  expect(memory.lines).toEqual([]);
  clock.advance(1);
  expect(memory.lines).toEqual([
    { level: "warn", fields: { more: 37, periodMs: MINUTE_MS }, message: "refused: and 37 more" },
  ]);
});

test("what stays below the limit is left alone, and leaves no word behind", () => {
  repeat(3, () => log.info({}, "carrier is up"));
  clock.advance(10 * MINUTE_MS);
  expect(messages()).toEqual(Array.from({ length: 3 }, () => "info carrier is up"));
});

test("every minute has its own allowance, however long the flood lasts", () => {
  repeat(10 * 60, () => {
    log.warn({}, "refused");
    clock.advance(1000);
  });
  const all = messages();
  expect(all).toHaveLength(10 * 4);
  expect(all.filter((line) => line === "warn refused: and 57 more")).toHaveLength(10);
});

test("each message and each level by itself", () => {
  repeat(5, () => log.warn({}, "refused"));
  log.error({}, "refused");
  log.warn({}, "target refused by policy");
  expect(messages().slice(3)).toEqual(["error refused", "warn target refused by policy"]);
  repeat(5, () => log.debug({}, "d"));
  expect(messages()).toHaveLength(3);
});

test("children keep their fields, and share the allowance", () => {
  repeat(5, (router) => log.child({ router }).warn({ port: 1 }, "refused"));
  clock.advance(MINUTE_MS);
  expect(memory.lines.map(({ fields }) => fields)).toEqual([
    { router: 0, port: 1 },
    { router: 1, port: 1 },
    { router: 2, port: 1 },
    { more: 2, periodMs: MINUTE_MS },
  ]);
});

test("messages without end share what is left, and are forgotten", () => {
  repeat(10_000, (index) => log.warn({}, `refused ${index}`));
  expect(messages()).toHaveLength(256 + 3);
  clock.advance(MINUTE_MS);
  expect(messages()).toEqual([`warn other messages: and ${10_000 - 256 - 3} more`]);
  log.warn({}, "refused 9999");
  expect(messages()).toEqual(["warn refused 9999"]);
});

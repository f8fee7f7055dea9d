import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../test/e2e/until.ts";
import { ordersWith } from "../../test/relay/fake-plane.ts";
import type { Told } from "../../test/relay/shard-main.ts";
import { ManualClock, systemClock } from "../base/clock.ts";
import { ShardThread } from "./shardthread.ts";

const entry = new URL("../../test/relay/shard-main.ts", import.meta.url);

let heard: string[];
let deaths: Error[];
let thread: ShardThread<Told, string>;

beforeEach(() => {
  [heard, deaths] = [[], []];
  thread = open();
});
afterEach(() => thread.stop());

function open(clock = systemClock): ShardThread<Told, string> {
  return new ShardThread({
    entry,
    workerData: {},
    clock,
    onEvent: (event) => heard.push(event),
    onDied: (error) => deaths.push(error),
  });
}

test("a shard in another thread carries out orders, reports, and tells what happens", async () => {
  await thread.configure(ordersWith(1));
  await thread.configure(ordersWith(2));
  expect((await thread.report()).counts.opened).toBe(2);
  thread.take("say");
  await expect(thread.configure(ordersWith(3))).rejects.toThrow("not like this");
  expect(heard).toEqual(["say"]);
  expect((await thread.report()).counts.opened).toBe(2);
  await thread.stop();
  expect(deaths).toEqual([]);
});

test.each([
  ["throw", "a shard died: a bug"],
  ["exit", "a shard died: a shard ended with 3"],
] as const)(
  "a shard that dies by %s is told of, once, and nobody waits for its answers",
  async (how, message) => {
    await thread.configure(ordersWith(1));
    thread.take(how);
    await expect(thread.report()).rejects.toThrow(message.replace("a shard died: ", ""));
    await until(
      () => deaths.length,
      (count) => count > 0,
    );
    await thread.stop();
    expect(deaths.map((error) => error.message)).toEqual([message]);
  },
);

test("a shard that does not stop is stopped", async () => {
  const clock = new ManualClock();
  const stuck = open(clock);
  stuck.take("linger");
  await stuck.report();
  const stopped = stuck.stop();
  clock.advance(1500);
  await stopped;
  expect(deaths).toEqual([]);
});

test("a shard that hangs is as good as dead; one that nobody asks is not", async () => {
  const clock = new ManualClock();
  const stuck = open(clock);
  await stuck.report();
  clock.advance(20_000);
  stuck.take("hang");
  const report = stuck.report();
  clock.advance(14_000);
  expect(deaths).toEqual([]);
  clock.advance(1000);
  await expect(report).rejects.toThrow("no answer for 15 s");
  expect(deaths.map((error) => error.message)).toEqual(["a shard died: no answer for 15 s"]);
  const stopped = stuck.stop();
  clock.advance(1500);
  await stopped;
});

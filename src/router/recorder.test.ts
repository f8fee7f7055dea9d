import { expect, test } from "vitest";
import { sampleStatus } from "../api/sample.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import type { WanStatus } from "../api/status.ts";
import type { KeptEvent, Sample } from "../store/history/sample.ts";
import { Recorder, WRITE_EVERY_MS } from "./recorder.ts";

class FakeHistory {
  readonly batches: { samples: readonly Sample[]; events: readonly KeptEvent[] }[] = [];
  full = false;
  open = (): void => undefined;
  close = (): void => undefined;
  samples = (): readonly Sample[] => [];
  events = (): readonly KeptEvent[] => [];
  write = (samples: readonly Sample[], events: readonly KeptEvent[]): void => {
    if (this.full) throw new Error("disk is full");
    this.batches.push({ samples, events });
  };
}

const clock = new ManualClock();
const [first] = sampleStatus.wans;
if (first === undefined) throw new Error("the sample has no WAN");
const wan = (down: number, state: WanStatus["state"]["name"] = "up"): WanStatus => ({
  ...first,
  state: { name: state, ageMs: 1 },
  traffic: { rate: { down: 8, up: 0 }, bytes: { down, up: 0 } },
});

function start() {
  const history = new FakeHistory();
  const log = new MemoryLog();
  const recorder = new Recorder({ history, clock, wallClock: () => 1e12 + clock.now(), log });
  recorder.start();
  const look = (...wans: readonly WanStatus[]): void => {
    clock.advance(1000);
    recorder.look(wans);
  };
  return { history, log, recorder, look };
}

test("what moved since the look before is written, a few seconds at a time", () => {
  const { history, look } = start();
  for (const down of [500, 700, 1000]) look(wan(down));
  expect(history.batches).toHaveLength(1);
  expect(history.batches[0]?.samples.map(({ bytesDown, seconds }) => [bytesDown, seconds])).toEqual([
    [0, 1],
    [200, 1],
    [300, 1],
  ]);
  expect(WRITE_EVERY_MS).toBeLessThan(5000);
});

test("a counter that went back counts nothing, a WAN that is down does not carry", () => {
  const { history, recorder, look } = start();
  look(wan(1000));
  look(wan(10, "down"));
  recorder.stop();
  expect(history.batches[0]?.samples.map((each) => [each.bytesDown, each.carryingPerMille])).toEqual([
    [0, 1000],
    [0, 0],
  ]);
});

test("while nothing can be written it says so once, keeps a bounded part, and writes it later", () => {
  const { history, log, recorder, look } = start();
  history.full = true;
  for (let second = 0; second < 3000; second++) look(wan(second));
  expect(recorder.problems).toMatchObject([{ code: "history-not-kept" }]);
  expect(log.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  history.full = false;
  for (let second = 0; second < 3; second++) look(wan(3000 + second));
  expect(recorder.problems).toEqual([]);
  expect(history.batches[0]?.samples).toHaveLength(2000);
  expect(history.batches[0]?.samples.at(-1)?.bytesDown).toBe(1);
});

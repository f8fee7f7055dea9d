import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { History } from "./history.ts";
import type { KeptEvent, Retention, Sample } from "./sample.ts";
import { VERSION } from "./schema.ts";

const HOUR_S = 3600;
/** On the hour, in 2026. */
const START_S = 1_790_000_000 - (1_790_000_000 % HOUR_S);
const RETENTION: Retention = {
  seconds: 2 * HOUR_S * 1000,
  minutes: 24 * HOUR_S * 1000,
  hours: 365 * 24 * HOUR_S * 1000,
  events: 24 * HOUR_S * 1000,
  size: 64 * 1024 ** 2,
};

let directory: string;
let path: string;
let damaged: string[];
let opened: History[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-history-"));
  path = join(directory, "history.db");
  damaged = [];
  opened = [];
});
afterEach(() => {
  for (const history of opened) history.close();
  rmSync(directory, { recursive: true });
});

function open(retention: Partial<Retention> = {}): History {
  const history = new History({
    path,
    retention: { ...RETENTION, ...retention },
    onDamaged: (aside) => damaged.push(aside),
  });
  opened.push(history);
  history.open();
  return history;
}

const sample = (at: number, more: Partial<Sample> = {}): Sample => ({
  wan: "fibre",
  at,
  seconds: 1,
  bytesDown: 1000,
  bytesUp: 100,
  peakDown: 8000,
  peakUp: 800,
  rttMs: 16,
  rttMaxMs: 16,
  jitterMs: 1,
  lossPerMille: 0,
  carryingPerMille: 1000,
  ...more,
});

const event = (at: number, text = "it is down"): KeptEvent => ({
  at,
  code: "wan-down",
  severity: "warning",
  wan: "fibre",
  text,
  fields: { was: "up", forMs: 12.5, known: true, why: null },
});

const ALL = { from: 0, to: 2 ** 50 };

describe("what is kept", () => {
  test("comes back as it was, unknown values too", () => {
    const history = open();
    const samples = [
      sample(START_S, { rttMs: null, rttMaxMs: null, lossPerMille: null }),
      sample(START_S + 1),
    ];
    history.write(samples, [event(START_S * 1000)], START_S * 1000);
    history.close();
    const again = open();
    expect(again.samples(1, ALL)).toEqual(samples);
    expect(again.events(ALL, 10)).toEqual([event(START_S * 1000)]);
    expect(damaged).toEqual([]);
  });

  test("is for us alone, whatever the file was before", () => {
    const modes = (): number[] =>
      ["", "-wal", "-shm"].map((suffix) => statSync(`${path}${suffix}`).mode & 0o777);
    open().write([sample(START_S)], [], START_S * 1000);
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
    opened.pop()?.close();
    chmodSync(path, 0o644);
    open().write([sample(START_S + 1)], [], START_S * 1000);
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
  });

  test("is that of the WAN and time asked for", () => {
    const history = open();
    const lte = sample(START_S + 1, { wan: "lte" });
    history.write([sample(START_S), sample(START_S + 1), lte], [], START_S * 1000);
    expect(history.samples(1, ALL, "lte")).toEqual([lte]);
    expect(history.samples(1, { from: START_S * 1000 + 1, to: (START_S + 1) * 1000 + 1 }, "fibre")).toEqual([
      sample(START_S + 1),
    ]);
    expect(history.samples(1, ALL, "nobody")).toEqual([]);
  });

  test("the latest events, oldest first", () => {
    const history = open();
    const events = [1, 2, 3].map((second) => event((START_S + second) * 1000, `event ${second}`));
    history.write([], events, START_S * 1000);
    expect(history.events(ALL, 2)).toEqual(events.slice(1));
  });
});

describe("roll-ups", () => {
  test("have the sum of the bytes, the most of the peaks, and averages of what is known", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ bytes: fc.nat(1e9), rtt: fc.option(fc.nat(500)), loss: fc.option(fc.nat(1000)) }),
          {
            minLength: 60,
            maxLength: 60,
          },
        ),
        (seconds) => {
          rmSync(path, { force: true });
          const history = open();
          const samples = seconds.map(({ bytes, rtt, loss }, index) =>
            sample(START_S + index, {
              bytesDown: bytes,
              peakDown: bytes * 8,
              rttMs: rtt,
              rttMaxMs: rtt,
              lossPerMille: loss,
            }),
          );
          history.write(samples, [], (START_S + 61) * 1000);
          const [minute, ...others] = history.samples(60, ALL);
          expect(others).toEqual([]);
          const known = seconds.flatMap(({ rtt }) => rtt ?? []);
          const losses = seconds.flatMap(({ loss }) => loss ?? []);
          expect(minute).toMatchObject({
            at: START_S,
            seconds: 60,
            bytesDown: seconds.reduce((sum, { bytes }) => sum + bytes, 0),
            peakDown: Math.max(...seconds.map(({ bytes }) => bytes * 8)),
            rttMaxMs: known.length === 0 ? null : Math.max(...known),
            carryingPerMille: 1000,
          });
          const mean = (values: number[]): number =>
            values.reduce((sum, value) => sum + value, 0) / values.length;
          if (known.length > 0) expect(minute?.rttMs).toBeCloseTo(mean(known), 2);
          if (losses.length > 0)
            expect(Math.abs((minute?.lossPerMille ?? NaN) - mean(losses))).toBeLessThan(0.51);
          history.close();
        },
      ),
      { numRuns: 10 },
    );
  });

  test("of minutes are hours, also where the program was away in between", () => {
    open().write(
      Array.from({ length: 90 }, (_, index) => sample(START_S + index)),
      [],
      (START_S + 90) * 1000,
    );
    opened.pop()?.close();
    const history = open();
    history.write([sample(START_S + HOUR_S + 5)], [], (START_S + HOUR_S + 5) * 1000);
    expect(history.samples(60, ALL).map(({ at, seconds }) => [at - START_S, seconds])).toEqual([
      [0, 60],
      [60, 30],
    ]);
    expect(history.samples(HOUR_S as 3600, ALL)).toMatchObject([
      { at: START_S, seconds: 90, bytesDown: 90_000 },
    ]);
  });
});

describe("bounds", () => {
  test("what is older than it may be is forgotten, each step for itself", () => {
    const history = open();
    history.write([sample(START_S), sample(START_S + 60)], [event(START_S * 1000)], (START_S + 120) * 1000);
    history.write([], [], (START_S + 3 * HOUR_S) * 1000);
    expect([history.samples(1, ALL), history.samples(60, ALL).length, history.events(ALL, 9).length]).toEqual(
      [[], 2, 1],
    );
    history.write([], [], (START_S + 25 * HOUR_S) * 1000);
    expect([history.samples(60, ALL), history.events(ALL, 9)]).toEqual([[], []]);
    expect(history.samples(3600, ALL)).toHaveLength(1);
  });

  test("what a wrong clock wrote ahead of time is forgotten", () => {
    const history = open();
    history.write([sample(START_S + 1e8), sample(START_S)], [], START_S * 1000);
    expect(history.samples(1, ALL)).toEqual([sample(START_S)]);
  });

  test("the file never exceeds its size, and the newest is there whatever went before", () => {
    const size = 3 * 1024 ** 2;
    const history = open({ size, seconds: 1e12, events: 1e12 });
    const text = "x".repeat(1000);
    for (let batch = 0; batch < 30; batch++) {
      const at = START_S + batch * 300;
      const samples = Array.from({ length: 300 }, (_, index) => sample(at + index));
      history.write(
        samples,
        samples.slice(0, 150).map(({ at: second }) => event(second * 1000, text)),
        (at + 300) * 1000,
      );
      expect(statSync(path).size).toBeLessThanOrEqual(size);
    }
    expect(history.samples(1, ALL).at(-1)?.at).toBe(START_S + 30 * 300 - 1);
    expect(history.samples(60, ALL).length).toBeGreaterThan(140);
    expect(history.events(ALL, 1)).toHaveLength(1);
  });
});

describe("a file that is not in order", () => {
  const keep = (): void => {
    const history = open();
    const samples = Array.from({ length: 2000 }, (_, index) => sample(START_S + index));
    history.write(samples, [], START_S * 1000);
    history.close();
  };

  test.each([
    ["is no database", () => Buffer.alloc(20_000, "no database")],
    ["was cut off", (bytes: Buffer) => bytes.subarray(0, 10_000)],
    [
      "has a page overwritten",
      (bytes: Buffer) =>
        Buffer.concat([bytes.subarray(0, 12_288), Buffer.alloc(4096, 7), bytes.subarray(16_384)]),
    ],
  ])("%s: moved aside and begun anew", (_, damage) => {
    keep();
    const broken = damage(readFileSync(path));
    writeFileSync(path, broken);
    const history = open();
    expect(damaged).toEqual([`${path}.damaged`]);
    expect(readFileSync(`${path}.damaged`).equals(broken)).toBe(true);
    history.write([sample(START_S)], [], START_S * 1000);
    expect(history.samples(1, ALL)).toEqual([sample(START_S)]);
  });

  test("a newer program's is left alone", () => {
    keep();
    const newer = new DatabaseSync(path);
    newer.exec(`PRAGMA user_version = ${VERSION + 1}`);
    newer.close();
    expect(() => open()).toThrow("newer Sennit");
    expect(existsSync(`${path}.damaged`)).toBe(false);
  });
});

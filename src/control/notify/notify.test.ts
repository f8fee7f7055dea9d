import fc from "fast-check";
import { expect, test } from "vitest";
import { settle } from "../../../test/relay/until.ts";
import { ManualClock } from "../../base/clock.ts";
import { SennitError } from "../../base/errors.ts";
import { MemoryLog } from "../../base/log.ts";
import type { RouterEvent } from "../events.ts";
import { Allowance } from "./allowance.ts";
import { Courier } from "./courier.ts";
import { Notifier } from "./notifier.ts";
import { passes, type Sink } from "./sink.ts";

const PERIOD_MS = 600_000;

const event = (code = "wan-down", severity: RouterEvent["severity"] = "warning"): RouterEvent => ({
  at: 1e12,
  code,
  severity,
  wan: "fibre",
  text: `it is ${code}`,
  fields: {},
});

test.each([
  [{ severity: "warning" }, event("wan-up", "info"), false],
  [{ severity: "warning" }, event("wan-down", "critical"), true],
  [{ severity: "info", codes: ["wan-*"] }, event("wan-up", "info"), true],
  [{ severity: "info", codes: ["wan-*"] }, event("no-wan-up", "info"), false],
  [{ severity: "info", codes: ["quota-used"] }, event("quota-used-up", "info"), false],
] as const)("filter %j", (filter, told, expected) => {
  expect(passes(filter, told)).toBe(expected);
});

test("no more than allowed is told in a period, and none is forgotten in the sums", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(PERIOD_MS / 2), { maxLength: 200 }),
      fc.integer({ min: 1, max: 10 }),
      (gaps, most) => {
        const allowance = new Allowance(most, PERIOD_MS);
        let [now, told, more] = [0, 0, 0];
        for (const gap of gaps) {
          now += gap;
          more += Number(allowance.summary(now, now)?.fields["more"] ?? 0);
          if (allowance.admits(event(), now)) told++;
        }
        more += Number(allowance.summary(now + PERIOD_MS, now)?.fields["more"] ?? 0);
        expect(told + more).toBe(gaps.length);
        expect(told).toBeLessThanOrEqual(most * (1 + Math.floor(now / PERIOD_MS)));
      },
    ),
  );
});

test("a summary names what was held back, and is as severe as the worst of it", () => {
  const allowance = new Allowance(1, PERIOD_MS);
  for (const each of [event(), event(), event("wan-up", "info"), event("all-down", "critical"), event()])
    allowance.admits(each, 0);
  expect(allowance.summary(PERIOD_MS - 1, 5)).toBeUndefined();
  expect(allowance.summary(PERIOD_MS, 5)).toMatchObject({
    at: 5,
    code: "events-held-back",
    severity: "critical",
    text: "4 more events in 10 minutes: 2 wan-down, 1 wan-up, 1 all-down",
  });
});

/** A sink that fails as often as it is told to. */
function fakeSink(more: Partial<Sink> = {}) {
  const told: string[] = [];
  const state = { failures: 0, code: "notify-failed", told };
  const sink: Sink = {
    name: "fake",
    retries: true,
    async deliver({ code }) {
      if (state.failures-- > 0) throw new SennitError("network", state.code, "it answered 503");
      told.push(code);
    },
    ...more,
  };
  return { sink, state };
}

test("nothing is told while it happens, and what failed is told again, in order", async () => {
  const { sink, state } = fakeSink();
  const [clock, log] = [new ManualClock(), new MemoryLog()];
  const courier = new Courier({ sink, clock, log });
  state.failures = 3;
  courier.take(event("first"));
  courier.take(event("second"));
  expect([state.told, state.failures]).toEqual([[], 3]);
  for (const pause of [0, 2000, 4000]) {
    clock.advance(pause);
    await settle();
    expect([state.told, courier.trouble]).toEqual([[], "it answered 503"]);
  }
  for (const pause of [8000, 0]) {
    clock.advance(pause);
    await settle();
  }
  expect([state.told, courier.trouble]).toEqual([["first", "second"], undefined]);
  expect(log.lines).toHaveLength(1);
});

test("what is refused is not tried again, nor is what a hook did not do", async () => {
  for (const [sink, code] of [
    [fakeSink(), "notify-refused"],
    [fakeSink({ retries: false }), "exec-failed"],
  ] as const) {
    const [clock, log] = [new ManualClock(), new MemoryLog()];
    const courier = new Courier({ sink: sink.sink, clock, log });
    Object.assign(sink.state, { failures: 1, code });
    courier.take(event());
    clock.advance(0);
    await settle();
    expect([clock.nextAt, log.lines.map(({ level }) => level)]).toEqual([undefined, ["error"]]);
  }
});

test("what waits is bounded, and gone at the end", async () => {
  const { sink, state } = fakeSink();
  const clock = new ManualClock();
  const courier = new Courier({ sink, clock, log: new MemoryLog() });
  for (let count = 0; count < 150; count++) courier.take(event(`event-${count}`));
  for (let count = 0; count < 60; count++) {
    clock.advance(0);
    await settle();
  }
  expect(state.told.slice(0, 2)).toEqual(["event-50", "event-51"]);
  courier.stop();
  expect(clock.nextAt).toBeUndefined();
});

test("ten events to each recipient in ten minutes, then one that says how many more there were", async () => {
  const clock = new ManualClock();
  const inputs: string[] = [];
  const config = {
    hooks: [{ run: ["/bin/hook"] as [string], timeout: 1000, severity: "warning" as const }],
    webhooks: [],
    most: 10,
    period: PERIOD_MS,
  };
  const exec = async (_: unknown, { input = "" }: { readonly input?: string } = {}) => {
    inputs.push((JSON.parse(input) as RouterEvent).code);
    return { stdout: "", stderr: "", status: 0 };
  };
  const notifier = new Notifier({ config, exec, clock, wallClock: () => 7, log: new MemoryLog() });
  for (let count = 0; count < 24; count++) {
    notifier.take(event());
    notifier.take(event("wan-up", "info"));
    clock.advance(0);
    await settle();
  }
  expect(inputs).toEqual(Array.from({ length: 10 }, () => "wan-down"));
  clock.advance(PERIOD_MS);
  await settle();
  clock.advance(0);
  await settle();
  expect(inputs.slice(10)).toEqual(["events-held-back"]);
  notifier.stop();
  expect(clock.nextAt).toBeUndefined();
});

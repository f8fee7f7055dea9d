import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RepairSchedule, type CarrierSight, type SubflowSight } from "./repair.ts";

const FIBRE = "192.0.2.1";
const LTE = "192.0.2.2";
const WANS = [FIBRE, LTE];

const idle = (localAddress: string, changes: Partial<SubflowSight> = {}): SubflowSight => ({
  localAddress,
  established: true,
  silentMs: 10_000,
  unansweredMs: 0,
  ...changes,
});
const working = (localAddress: string): SubflowSight => idle(localAddress, { silentMs: 20 });
/** Nothing came since a segment was sent `ms` ago. */
const deaf = (localAddress: string, ms: number): SubflowSight =>
  idle(localAddress, { silentMs: ms, unansweredMs: ms });
const carrier = (...subflows: readonly SubflowSight[]): CarrierSight => ({
  transport: "mptcp",
  mptcp: true,
  draining: false,
  ageMs: 60_000,
  subflows,
});
const plain = (localAddress: string): CarrierSight => ({ ...carrier(idle(localAddress)), mptcp: false });

/** The seconds at which a schedule repaired what, looking once a second at carriers that do not change. */
function repairs(seconds: number, carriers: readonly CarrierSight[], addresses = WANS): string[] {
  const schedule = new RepairSchedule();
  const made: string[] = [];
  for (let second = 0; second <= seconds; second++) {
    const { repair } = schedule.decide(second * 1000, addresses, carriers);
    if (repair !== undefined) made.push(`${second} ${repair}`);
  }
  return made;
}

describe("a WAN is repaired", () => {
  test("when it is missing for 3 s, then after pauses of 3, 10, 30, 30 s", () => {
    const expected = [3, 6, 16, 46, 76].map((second) => `${second} ${FIBRE}`);
    expect(repairs(100, [carrier(working(LTE))])).toEqual(expected);
  });

  test("when its subflow is there, but not established", () => {
    const opening = idle(FIBRE, { established: false, silentMs: 0 });
    expect(repairs(3, [carrier(opening, working(LTE))])).toEqual([`3 ${FIBRE}`]);
  });

  test("when a segment has waited for 3 s, not before", () => {
    const schedule = new RepairSchedule();
    const after = (ms: number) => schedule.decide(ms, WANS, [carrier(deaf(FIBRE, ms), working(LTE))]).repair;
    expect([1000, 2000, 2900, 3000].map(after)).toEqual([undefined, undefined, undefined, FIBRE]);
  });

  test("one at a time, with the others there meanwhile", () => {
    const both = [carrier(working(FIBRE)), carrier(working(FIBRE), idle("192.0.2.3"))];
    const schedule = new RepairSchedule();
    const wans = [FIBRE, LTE, "192.0.2.3"];
    schedule.decide(0, wans, both);
    const looks = [3000, 3050].map((now) => schedule.decide(now, wans, [both[0] ?? carrier()]).repair);
    expect(looks).toEqual([LTE, "192.0.2.3"]);
  });

  test("without delay when it breaks again long after, with the next pause when it breaks again soon", () => {
    const broken = [carrier(working(LTE))];
    const whole = [carrier(working(FIBRE), working(LTE))];
    const again = (wellMs: number): number => {
      const schedule = new RepairSchedule();
      schedule.decide(0, WANS, broken);
      expect(schedule.decide(3000, WANS, broken).repair).toBe(FIBRE);
      expect(schedule.decide(3500, WANS, whole).unused).toEqual([]);
      schedule.decide(3000 + wellMs, WANS, whole);
      schedule.decide(3000 + wellMs, WANS, broken);
      expect(schedule.decide(6000 + wellMs, WANS, broken).repair).toBe(FIBRE);
      const later = [3000, 10_000].find(
        (pause) => schedule.decide(6000 + wellMs + pause, WANS, broken).repair !== undefined,
      );
      return later ?? 0;
    };
    expect(again(11_000)).toBe(3000);
    expect(again(1000)).toBe(10_000);
  });
});

describe("a WAN is left alone", () => {
  test.each<readonly [why: string, carriers: readonly CarrierSight[]]>([
    ["while all carriers use it", [carrier(idle(FIBRE), idle(LTE))]],
    ["while it carries for others", [carrier(working(LTE)), carrier(working(FIBRE), working(LTE))]],
    [
      "while a draining carrier gets bytes over it",
      [carrier(working(LTE)), { ...carrier(working(FIBRE), idle(LTE)), draining: true }],
    ],
    ["where it is all that another carrier has", [carrier(idle(LTE)), carrier(idle(FIBRE))]],
    ["where MPTCP is stripped, which would cut those that do without", [carrier(idle(LTE)), plain(FIBRE)]],
    ["while the peer is silent everywhere: it is not the way", [carrier(deaf(FIBRE, 9000), deaf(LTE, 9000))]],
    [
      "while the peer was last heard elsewhere before the segment was sent",
      [carrier(deaf(FIBRE, 9000), idle(LTE, { silentMs: 9500 }))],
    ],
    ["for a carrier that has just begun", [{ ...carrier(working(LTE)), ageMs: 2000 }]],
    ["for a carrier that is about to end", [{ ...carrier(working(LTE)), draining: true }]],
    ["for a carrier of another family", [carrier(working("2001:db8::1"))]],
    ["for a carrier that has nothing left", [carrier()]],
    ["for plain TCP", [plain(LTE), { ...plain(LTE), transport: "tcp" }]],
  ])("%s", (_, carriers) => {
    expect(repairs(100, carriers)).toEqual([]);
  });

  test("when it has no address to use any more", () => {
    expect(repairs(100, [carrier(working(LTE))], [LTE])).toEqual([]);
  });
});

describe("what is told", () => {
  test("comes after 3 s, names how many lack it, counts, and goes when all is well", () => {
    const carriers = [carrier(working(LTE)), carrier(idle(FIBRE), working(LTE))];
    const schedule = new RepairSchedule();
    const unused = { address: FIBRE, lacking: 1, carriers: 2, busy: false };
    expect(schedule.decide(0, WANS, carriers).unused).toEqual([]);
    expect(schedule.decide(3000, WANS, carriers).unused).toEqual([{ ...unused, repairs: 1 }]);
    expect(schedule.decide(4000, WANS, carriers).unused).toEqual([{ ...unused, repairs: 1 }]);
    expect(schedule.decide(6000, WANS, carriers).unused).toEqual([{ ...unused, repairs: 2 }]);
    expect(schedule.decide(7000, WANS, [carrier(working(FIBRE), working(LTE))]).unused).toEqual([]);
  });

  test("includes a WAN that waits until it is quiet", () => {
    const schedule = new RepairSchedule();
    const carriers = [carrier(working(LTE)), carrier(working(FIBRE), working(LTE))];
    schedule.decide(0, WANS, carriers);
    const unused = { address: FIBRE, lacking: 1, carriers: 2, busy: true, repairs: 0 };
    expect(schedule.decide(3000, WANS, carriers)).toEqual({ unused: [unused], repair: undefined });
  });
});

test("whatever is seen: no WAN that carries, no last subflow, no two repairs of a WAN within 3 s", () => {
  const ms = fc.integer({ min: 0, max: 10_000 });
  const subflow = fc.record({
    localAddress: fc.constantFrom(...WANS, "2001:db8::1"),
    established: fc.boolean(),
    silentMs: ms,
    unansweredMs: ms,
  });
  const sight = fc.record({
    transport: fc.constantFrom("mptcp" as const, "tcp" as const),
    mptcp: fc.boolean(),
    draining: fc.boolean(),
    ageMs: ms,
    subflows: fc.array(subflow, { maxLength: 3 }),
  });
  const look = fc.record({
    pause: fc.integer({ min: 1, max: 4000 }),
    carriers: fc.array(sight, { maxLength: 3 }),
  });
  let made = 0;
  fc.assert(
    fc.property(fc.array(look, { minLength: 20, maxLength: 40 }), (looks) => {
      const schedule = new RepairSchedule();
      const last = new Map<string, number>();
      let now = 0;
      for (const { pause, carriers } of looks) {
        now += pause;
        const { repair } = schedule.decide(now, WANS, carriers);
        if (repair === undefined) continue;
        made++;
        expect(now - (last.get(repair) ?? -3000)).toBeGreaterThanOrEqual(3000);
        last.set(repair, now);
        for (const { subflows } of carriers) {
          const alive = subflows.filter(
            ({ established, unansweredMs }) => established && unansweredMs < 2000,
          );
          const here = alive.filter(({ localAddress }) => localAddress === repair);
          expect(here.filter(({ silentMs }) => silentMs < 2000)).toEqual([]);
          expect(
            here.length === 0 || here.length < subflows.filter(({ established }) => established).length,
          ).toBe(true);
        }
      }
    }),
    { numRuns: 2000 },
  );
  expect(made).toBeGreaterThan(100);
});

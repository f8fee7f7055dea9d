import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubflowSight } from "./sight.ts";
import { CarrierPaths, type PathsSight, type PathStep, type Way } from "./subflows.ts";
import { WayNews } from "./waynews.ts";

const way = (name: string, localAddress: string, backup = false): Way => ({ name, localAddress, backup });
const FIBRE = way("fibre", "192.0.2.1");
const LTE = way("lte", "192.0.2.2");
const DSL = way("dsl", "192.0.2.3");
const SERVER = { address: "203.0.113.1", port: 443 };

let ports = 1000;
const subflow = ({ localAddress }: Way, changes: Partial<SubflowSight> = {}): SubflowSight => ({
  local: { address: localAddress, port: ++ports },
  remote: SERVER,
  established: true,
  silentMs: 20,
  unansweredMs: 0,
  rttMs: 20,
  ...changes,
});
/** Nothing came since a segment was sent `ms` ago. */
const deaf = (over: Way, ms: number): SubflowSight => subflow(over, { silentMs: ms, unansweredMs: ms });
const sight = (subflows: readonly SubflowSight[], changes: Partial<PathsSight> = {}): PathsSight => ({
  subflows,
  ways: [FIBRE, LTE],
  stripped: new Set(),
  spread: "best",
  best: "fibre",
  ...changes,
});

/** "join lte", "leave fibre", "fibre is a backup". */
function words(steps: readonly PathStep[]): string[] {
  const nameOf = ({ local }: SubflowSight): string =>
    [FIBRE, LTE, DSL].find(({ localAddress }) => localAddress === local.address)?.name ?? local.address;
  return steps.map((step) => {
    if (step.do === "join") return `join ${step.way.name}`;
    if (step.do === "set-backup") return `${nameOf(step.subflow)} is ${step.backup ? "a" : "no"} backup`;
    return `${step.do} ${nameOf(step.subflow)}`;
  });
}
const decide = (paths: CarrierPaths, now: number, seen: PathsSight): string[] =>
  words(paths.decide(now, seen));

describe("a new carrier", () => {
  test("joins the other ways at once, and has the slower ones as backups", () => {
    const first = subflow(FIBRE);
    const paths = new CarrierPaths(new WayNews());
    expect(decide(paths, 0, sight([first]))).toEqual(["join lte", "fibre is no backup"]);
    // On its way.
    expect(decide(paths, 100, sight([first, subflow(LTE, { established: false })]))).toEqual([]);
    expect(decide(paths, 200, sight([first, subflow(LTE)]))).toEqual(["lte is a backup"]);
  });

  test("that began on the slower way moves to the best", () => {
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const paths = new CarrierPaths(new WayNews());
    expect(decide(paths, 0, sight([lte]))).toEqual(["join fibre", "lte is no backup"]);
    expect(decide(paths, 100, sight([lte, fibre]))).toEqual(["fibre is no backup", "lte is a backup"]);
    expect(decide(paths, 200, sight([lte, fibre]))).toEqual([]);
  });

  test("uses all while no way is known to be the best", () => {
    const paths = new CarrierPaths(new WayNews());
    expect(decide(paths, 0, sight([subflow(FIBRE)], { best: undefined }))).toEqual([
      "join lte",
      "fibre is no backup",
    ]);
  });
});

describe("backups", () => {
  const three = [subflow(FIBRE), subflow(LTE), subflow(DSL)];
  const all = { ways: [FIBRE, LTE, DSL] };
  const settled = (): CarrierPaths => {
    const paths = new CarrierPaths(new WayNews());
    paths.decide(0, sight(three, all));
    return paths;
  };

  test("are none while there is much to carry", () => {
    const paths = settled();
    const spread = "all" as const;
    expect(decide(paths, 1, sight(three, { ...all, spread }))).toEqual([
      "lte is no backup",
      "dsl is no backup",
    ]);
    expect(decide(paths, 2, sight(three, { ...all, spread }))).toEqual([]);
    expect(decide(paths, 3, sight(three, all))).toEqual(["lte is a backup", "dsl is a backup"]);
  });

  test("are none while the best way hesitates: a segment waits beyond its first timeout", () => {
    const paths = settled();
    const [fibre, ...others] = three;
    const waiting = { ...(fibre as SubflowSight), unansweredMs: 250 };
    expect(decide(paths, 1, sight([waiting, ...others], all))).toEqual([
      "lte is no backup",
      "dsl is no backup",
    ]);
  });

  test("change places with the best way, and never are all", () => {
    const paths = settled();
    expect(decide(paths, 1, sight(three, { ...all, best: "dsl" }))).toEqual([
      "dsl is no backup",
      "fibre is a backup",
    ]);
  });

  test("stay those that the operator wants as backups, as long as another works", () => {
    const ways = [FIBRE, { ...LTE, backup: true }, DSL];
    const paths = new CarrierPaths(new WayNews());
    const spread = "all" as const;
    expect(decide(paths, 0, sight(three, { ways, spread }))).toEqual([
      "fibre is no backup",
      "dsl is no backup",
      "lte is a backup",
    ]);
    const [, lte] = three;
    const alone = sight([lte as SubflowSight], { ways, spread });
    expect(decide(paths, 1, alone)).toContain("lte is no backup");
  });

  test("are told again where that was refused", () => {
    const paths = new CarrierPaths(new WayNews());
    const seen = sight([subflow(FIBRE), subflow(LTE)]);
    const steps = paths.decide(0, seen);
    expect(words(steps)).toEqual(["fibre is no backup", "lte is a backup"]);
    for (const step of steps) paths.refused(step);
    expect(decide(paths, 1, seen)).toEqual(["fibre is no backup", "lte is a backup"]);
  });
});

describe("a way that was lost", () => {
  /** When a carrier that had both does what, looking ten times a second at what never changes. */
  function timeline(ms: number, look: (now: number) => readonly SubflowSight[]): string[] {
    const paths = new CarrierPaths(new WayNews());
    paths.decide(0, sight([subflow(FIBRE), subflow(LTE)]));
    const done: string[] = [];
    for (let now = 100; now <= ms; now += 100) {
      for (const word of decide(paths, now, sight(look(now)))) done.push(`${now} ${word}`);
    }
    return done.filter((line) => !line.includes("backup"));
  }

  test("is joined again at once where its subflow is gone, then after pauses", () => {
    const lte = subflow(LTE);
    const times = [100, 3100, 6100, 11_100, 21_100, 31_100];
    expect(timeline(40_000, () => [lte])).toEqual(times.map((now) => `${now} join fibre`));
  });

  test("is left and joined again where a segment has waited for 3 s, not before", () => {
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const seen = timeline(4000, (now) => [lte, { ...fibre, silentMs: now, unansweredMs: now }]);
    expect(seen).toEqual(["3000 leave fibre", "3000 join fibre"]);
  });

  test("is only joined again where nothing else works: there is nobody to tell, and it may come back", () => {
    const both = [subflow(FIBRE), subflow(LTE)];
    const seen = timeline(3000, (now) => both.map((one) => ({ ...one, silentMs: now, unansweredMs: now })));
    expect(seen).toEqual(["3000 join fibre", "3000 join lte"]);
  });

  test("is joined again where it is silent for 3 s while much comes over another, not before", () => {
    const paths = new CarrierPaths(new WayNews());
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const look = (now: number, silentMs: number): string[] =>
      decide(paths, now, sight([{ ...lte, silentMs }, fibre], { spread: "all" })).filter(isChange);
    expect(look(0, 20_000)).toEqual([]);
    expect(look(2900, 22_900)).toEqual([]);
    expect(look(3000, 2900)).toEqual([]);
    expect(look(3100, 3000)).toEqual(["leave lte", "join lte"]);
  });

  test("has its deaf remainder ended when it works again", () => {
    const paths = new CarrierPaths(new WayNews());
    const old = deaf(FIBRE, 5000);
    expect(decide(paths, 0, sight([old, subflow(FIBRE), subflow(LTE)]))).toContain("end fibre");
  });

  test("is told with how long and how often; what a join took at the start is no repair", () => {
    const paths = new CarrierPaths(new WayNews());
    const lte = subflow(LTE);
    paths.decide(0, sight([lte]));
    expect(paths.lacking).toEqual([{ way: FIBRE, forMs: 0, repairs: 0 }]);
    paths.decide(3000, sight([lte]));
    expect(paths.lacking).toEqual([{ way: FIBRE, forMs: 3000, repairs: 1 }]);
    paths.decide(3100, sight([lte, subflow(FIBRE)]));
    expect(paths.lacking).toEqual([]);
  });

  test("is neither joined nor told of where MPTCP is taken out; what works there stays", () => {
    const paths = new CarrierPaths(new WayNews());
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const stripped = new Set([FIBRE.localAddress]);
    expect(decide(paths, 0, sight([lte, fibre], { stripped })).filter(isChange)).toEqual([]);
    expect(decide(paths, 9000, sight([lte], { stripped })).filter(isChange)).toEqual([]);
    expect(paths.lacking).toEqual([]);
  });

  test("that holds for 10 s has been cured: the next loss is mended at once", () => {
    const paths = new CarrierPaths(new WayNews());
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const join = ["join fibre"];
    for (const now of [0, 3000, 6000]) expect(decide(paths, now, sight([lte])).slice(0, 1)).toEqual(join);
    paths.decide(6100, sight([lte, fibre]));
    paths.decide(16_100, sight([lte, fibre]));
    expect(decide(paths, 16_200, sight([lte])).filter(isJoin)).toEqual(join);

    paths.decide(16_300, sight([lte, fibre]));
    expect(decide(paths, 17_000, sight([lte])).filter(isJoin)).toEqual([]);
  });
});

describe("what one carrier finds out about a way helps the others", () => {
  const [lte, idle] = [subflow(LTE), subflow(FIBRE, { silentMs: 20_000 })];

  test("that it was forgotten: subflows that are silent since are renewed at once", () => {
    const news = new WayNews();
    const [one, other] = [new CarrierPaths(news), new CarrierPaths(news)];
    const fresh = subflow(FIBRE, { silentMs: 1000 });
    for (const paths of [one, other]) paths.decide(0, sight([lte, idle, fresh]));
    const found = words(one.decide(60_000, sight([lte, deaf(FIBRE, 4000)])));
    expect(found.slice(0, 2)).toEqual(["leave fibre", "join fibre"]);
    expect(words(other.decide(60_000, sight([lte, fresh]))).filter(isJoin)).toEqual([]);
    const seen = other.decide(60_100, sight([lte, idle]));
    expect(words(seen).slice(0, 2)).toEqual(["leave fibre", "join fibre"]);
    expect(other.decide(60_200, sight([lte, subflow(FIBRE)])).filter(({ do: d }) => d === "leave")).toEqual(
      [],
    );
  });

  test("that it can be joined: pauses are over", () => {
    const news = new WayNews();
    const [one, other] = [new CarrierPaths(news), new CarrierPaths(news)];
    for (const now of [0, 3000, 6000, 11_000]) {
      for (const paths of [one, other]) expect(decide(paths, now, sight([lte]))[0]).toBe("join fibre");
    }
    expect(decide(other, 12_500, sight([lte]))).toEqual([]);
    one.decide(12_600, sight([lte, subflow(FIBRE)]));
    expect(decide(other, 12_700, sight([lte]))).toEqual(["join fibre"]);
    one.decide(12_800, sight([lte]));
    one.decide(12_900, sight([lte, subflow(FIBRE)]));
    expect(decide(other, 13_000, sight([lte]))).toEqual([]);
  });

  test("about addresses that are still there", () => {
    const news = new WayNews();
    news.joined("a", 5);
    news.deaf("a", 5);
    expect([news.joinedSince("a", 4), news.joinedSince("a", 5), news.forgotten("a", 5)]).toEqual([
      true,
      false,
      true,
    ]);
    news.retain(["b"]);
    expect([news.joinedSince("a", 4), news.forgotten("a", 5)]).toEqual([false, false]);
  });
});

test("a way that is no more is left", () => {
  const paths = new CarrierPaths(new WayNews());
  const both = [subflow(FIBRE), subflow(LTE)];
  paths.decide(0, sight(both));
  expect(decide(paths, 1, sight(both, { ways: [LTE] }))).toEqual(["leave fibre", "lte is no backup"]);
});

test("whatever is seen: one join per way and pause, no working subflow is ended, one is always no backup", () => {
  const ms = fc.integer({ min: 0, max: 6000 });
  const seenSubflow = fc.record({
    over: fc.constantFrom(FIBRE, LTE, DSL),
    port: fc.integer({ min: 1, max: 2 }),
    established: fc.boolean(),
    silentMs: ms,
    unansweredMs: ms,
  });
  const look = fc.record({
    pause: fc.integer({ min: 1, max: 2000 }),
    subflows: fc.uniqueArray(seenSubflow, {
      maxLength: 5,
      selector: ({ over, port }) => `${over.name} ${port}`,
    }),
    ways: fc.subarray([FIBRE, { ...LTE, backup: true }, DSL]),
    spread: fc.constantFrom("best" as const, "all" as const),
    best: fc.constantFrom("fibre", "lte", "dsl", undefined),
  });
  fc.assert(
    fc.property(fc.array(look, { minLength: 5, maxLength: 30 }), (looks) => {
      const news = new WayNews();
      const paths = new CarrierPaths(news);
      const backups = new Map<string, boolean>();
      const joined = new Map<string, number>();
      let now = 0;
      for (const { pause, subflows: seen, ...rest } of looks) {
        now += pause;
        const subflows = seen.map(({ over, port, ...one }): SubflowSight => ({
          local: { address: over.localAddress, port },
          remote: SERVER,
          rttMs: 20,
          ...one,
        }));
        const works = ({ local, established, silentMs, unansweredMs }: SubflowSight): boolean =>
          established &&
          (silentMs < 2000 || unansweredMs < 2000) &&
          !news.forgotten(local.address, now - silentMs);
        const usable = subflows.filter(
          (one) => works(one) && rest.ways.some(({ localAddress }) => localAddress === one.local.address),
        );
        const keys = new Set(subflows.map(({ local }) => `${local.address} ${local.port}`));
        for (const address of joined.keys()) {
          if (!rest.ways.some(({ localAddress }) => localAddress === address)) joined.delete(address);
        }
        for (const key of backups.keys()) if (!keys.has(key)) backups.delete(key);
        for (const step of paths.decide(now, { ...rest, stripped: new Set(), subflows })) {
          if (step.do === "join") {
            const { localAddress } = step.way;
            expect(now - (joined.get(localAddress) ?? -1000)).toBeGreaterThanOrEqual(1000);
            joined.set(localAddress, now);
          } else if (step.do === "set-backup") {
            const { address, port } = step.subflow.local;
            backups.set(`${address} ${port}`, step.backup);
          } else {
            const leftOut = rest.spread === "all" && step.subflow.silentMs >= 3000;
            if (!leftOut) expect(usable).not.toContain(step.subflow);
          }
        }
        if (usable.length === 0) continue;
        const isBackup = ({ local }: SubflowSight): boolean =>
          backups.get(`${local.address} ${local.port}`) === true;
        expect(usable.every(isBackup)).toBe(false);
      }
    }),
    { numRuns: 1000 },
  );
});

const isChange = (word: string): boolean => !word.endsWith("backup");
const isJoin = (word: string): boolean => word.startsWith("join");

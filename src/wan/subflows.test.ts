import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubflowSight } from "./sight.ts";
import { CarrierPaths, type PathsSight, type PathStep, type Way } from "./subflows.ts";
import type { Judgement } from "./verdict.ts";
import type { Watched } from "./watch.ts";
import { WayHealth } from "./wayhealth.ts";

const way = (name: string, localAddress: string, backup = false): Way => ({ name, localAddress, backup });
const FIBRE = way("fibre", "192.0.2.1");
const LTE = way("lte", "192.0.2.2");
const DSL = way("dsl", "192.0.2.3");
const SERVER = { address: "203.0.113.1", port: 443 };

let ports = 1000;
/** A subflow that was heard now, or at `heardAt`. */
const subflow = (
  { localAddress }: Way,
  judgement: Judgement = "well",
  { established = true, heardAt = 0, port = ++ports } = {},
): Watched => ({
  subflow: {
    local: { address: localAddress, port },
    remote: SERVER,
    established,
    silentMs: 0,
    lastAckMs: 0,
    lastSentMs: 0,
    delivered: 0,
    unacked: 0,
    timeouts: 0,
    rttMs: 20,
    jitterMs: 1,
    sentBytes: 0,
    resentBytes: 0,
  },
  judgement,
  heardAt,
  patienceMs: 150,
});
const dead = (over: Way): Watched => subflow(over, "dead");
const pending = (over: Way): Watched => subflow(over, "well", { established: false });
const sight = (subflows: readonly Watched[], changes: Partial<PathsSight> = {}): PathsSight => ({
  subflows,
  ways: [FIBRE, LTE],
  stripped: new Set(),
  spread: "best",
  best: "fibre",
  ...changes,
});

/** One session's ways, and a carrier over them. */
class World {
  readonly #ways = new Map<string, WayHealth>();
  readonly paths = this.carrier();

  carrier(): CarrierPaths {
    return new CarrierPaths((of) => this.health(of));
  }

  health({ name }: Way): WayHealth {
    const health = this.#ways.get(name) ?? new WayHealth();
    this.#ways.set(name, health);
    return health;
  }

  /** What a carrier does at `now` about what is seen then, in words. */
  decide(now: number, seen: PathsSight, paths = this.paths): string[] {
    for (const one of seen.subflows) {
      const over = [FIBRE, LTE, DSL].find(({ localAddress }) => localAddress === one.subflow.local.address);
      if (over !== undefined) this.health(over).observe(now, one);
    }
    return words(paths.decide(now, seen));
  }
}

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
const isChange = (word: string): boolean => !word.endsWith("backup");

describe("a new carrier", () => {
  test("joins the other ways at once, and has the slower ones as backups", () => {
    const world = new World();
    const first = subflow(FIBRE);
    expect(world.decide(0, sight([first]))).toEqual(["join lte", "fibre is no backup"]);
    // On its way.
    expect(world.decide(100, sight([first, pending(LTE)]))).toEqual([]);
    expect(world.decide(200, sight([first, subflow(LTE)]))).toEqual(["lte is a backup"]);
  });

  test("that began on the slower way moves to the best", () => {
    const world = new World();
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    expect(world.decide(0, sight([lte]))).toEqual(["join fibre", "lte is no backup"]);
    expect(world.decide(100, sight([lte, fibre]))).toEqual(["fibre is no backup", "lte is a backup"]);
    expect(world.decide(200, sight([lte, fibre]))).toEqual([]);
  });

  test("uses all while no way is known to be the best", () => {
    const seen = sight([subflow(FIBRE)], { best: undefined });
    expect(new World().decide(0, seen)).toEqual(["join lte", "fibre is no backup"]);
  });
});

describe("backups", () => {
  const three = [subflow(FIBRE), subflow(LTE), subflow(DSL)] as const;
  const all = { ways: [FIBRE, LTE, DSL] };
  const settled = (): World => {
    const world = new World();
    world.decide(0, sight(three, all));
    return world;
  };

  test("are none while there is much to carry", () => {
    const world = settled();
    const spread = "all" as const;
    expect(world.decide(1, sight(three, { ...all, spread }))).toEqual([
      "lte is no backup",
      "dsl is no backup",
    ]);
    expect(world.decide(2, sight(three, { ...all, spread }))).toEqual([]);
    expect(world.decide(3, sight(three, all))).toEqual(["lte is a backup", "dsl is a backup"]);
  });

  test("change places with a best way that is in doubt, whatever there is to carry, until it is heard", () => {
    const [fibre, ...others] = three;
    for (const spread of ["best", "all"] as const) {
      const world = settled();
      world.decide(1, sight(three, { ...all, spread }));
      const waiting = { ...fibre, judgement: "suspect" as const };
      expect(world.decide(100, sight([waiting, ...others], { ...all, spread }))).toContain(
        "fibre is a backup",
      );
      const heard = { ...fibre, heardAt: 110 };
      expect(world.decide(120, sight([heard, ...others], { ...all, spread }))).toContain(
        "fibre is no backup",
      );
    }
  });

  test("change places with the best way, and never are all", () => {
    expect(settled().decide(1, sight(three, { ...all, best: "dsl" }))).toEqual([
      "dsl is no backup",
      "fibre is a backup",
    ]);
  });

  test("stay those that the operator wants as backups, as long as another works", () => {
    const ways = [FIBRE, { ...LTE, backup: true }, DSL];
    const world = new World();
    const spread = "all" as const;
    expect(world.decide(0, sight(three, { ways, spread }))).toEqual([
      "fibre is no backup",
      "dsl is no backup",
      "lte is a backup",
    ]);
    expect(world.decide(1, sight([three[1]], { ways, spread }))).toContain("lte is no backup");
  });

  test("are told again where that was refused", () => {
    const { paths } = new World();
    const seen = sight([subflow(FIBRE), subflow(LTE)]);
    const steps = paths.decide(0, seen);
    expect(words(steps)).toEqual(["fibre is no backup", "lte is a backup"]);
    for (const step of steps) paths.refused(step);
    expect(words(paths.decide(1, seen))).toEqual(["fibre is no backup", "lte is a backup"]);
  });
});

describe("a subflow that is dead", () => {
  test("is left; its way is joined again when it answers, at once", () => {
    const world = new World();
    const [fibre, lte] = [subflow(FIBRE), subflow(LTE)];
    const probing = world.health(FIBRE).probing;
    world.decide(0, sight([fibre, lte]));
    expect(world.decide(200, sight([dead(FIBRE), lte])).filter(isChange)).toEqual([
      "leave fibre",
      // The first try to connect, which one carrier makes.
      "join fibre",
    ]);
    const asked = world.health(FIBRE).probe(250);
    expect(world.decide(300, sight([lte]))).toEqual([]);
    expect(world.decide(2900, sight([lte, pending(FIBRE)]))).toEqual([]);
    expect(probing.health.state).toBe("unknown");
    world.health(FIBRE).answered(2950, asked ?? NaN);
    expect(world.decide(2960, sight([lte, pending(FIBRE)]))).toEqual(["end fibre", "join fibre"]);
    // That one is given its time.
    expect(world.decide(3100, sight([lte, pending(FIBRE)]))).toEqual([]);
    expect(world.decide(5960, sight([lte, pending(FIBRE)]))).toEqual(["end fibre", "join fibre"]);
  });

  test("takes with it those of other carriers that were not heard since, and none that was", () => {
    const world = new World();
    const [one, other, third] = [world.carrier(), world.carrier(), world.carrier()];
    const lte = subflow(LTE);
    const idle = subflow(FIBRE, "well", { heardAt: 10 });
    for (const paths of [one, other, third]) world.decide(20, sight([idle, lte]), paths);
    expect(world.decide(200, sight([dead(FIBRE), lte]), one)).toContain("leave fibre");
    expect(world.decide(210, sight([idle, lte]), other)).toContain("leave fibre");
    const alive = subflow(FIBRE, "well", { heardAt: 215 });
    expect(world.decide(220, sight([alive, lte]), third).filter(isChange)).toEqual([]);
  });

  test("is kept where nothing else works: there is nobody to tell, and it may come back", () => {
    const world = new World();
    expect(world.decide(200, sight([dead(FIBRE), dead(LTE)])).filter(isChange)).toEqual([
      "join fibre",
      "join lte",
    ]);
  });

  test("is one on which nothing comes though much is to come, where nothing came for long before", () => {
    const world = new World();
    const spread = "all" as const;
    const look = (now: number, lteHeardAt: number): string[] => {
      const lte = subflow(LTE, "well", { port: 7, heardAt: lteHeardAt });
      const fibre = subflow(FIBRE, "well", { port: 8, heardAt: now });
      return world.decide(now, sight([fibre, lte], { spread })).filter(isChange);
    };
    expect([look(20_000, 0), look(21_400, 0)]).toEqual([[], []]);
    expect(look(21_500, 0)).toEqual(["leave lte", "join lte"]);
    // The next one was heard when it joined.
    const again = (now: number): string[] => {
      const lte = subflow(LTE, "well", { port: 9, heardAt: 21_550 });
      const fibre = subflow(FIBRE, "well", { port: 8, heardAt: now });
      return world.decide(now, sight([fibre, lte], { spread })).filter(isChange);
    };
    expect([again(21_600), again(60_000)]).toEqual([[], []]);
  });

  test("beside another on the same way is ended alone", () => {
    const world = new World();
    const seen = sight([dead(FIBRE), subflow(FIBRE, "well", { heardAt: 500 }), subflow(LTE)]);
    expect(world.decide(500, seen).filter(isChange)).toEqual(["end fibre"]);
  });
});

describe("a way without a subflow", () => {
  test("is joined again after pauses", () => {
    const world = new World();
    const lte = subflow(LTE);
    const joins: number[] = [];
    for (let now = 0; now <= 32_000; now += 100)
      if (world.decide(now, sight([lte])).includes("join fibre")) joins.push(now);
    expect(joins).toEqual([0, 3000, 6000, 11_000, 21_000, 31_000]);
  });

  test("is joined sooner where another carrier came through since", () => {
    const world = new World();
    const lte = subflow(LTE);
    for (const now of [0, 3000, 6000]) world.decide(now, sight([lte]));
    world.health(FIBRE).observe(6500, subflow(FIBRE, "well", { heardAt: 6500 }));
    expect(world.decide(6900, sight([lte]))).toEqual([]);
    expect(world.decide(7000, sight([lte]))).toEqual(["join fibre"]);
  });

  test("is told with how long and how often; what a join took at the start is no repair", () => {
    const world = new World();
    const lte = subflow(LTE);
    world.decide(0, sight([lte]));
    expect(world.paths.lacking).toEqual([{ way: FIBRE, forMs: 0, repairs: 0 }]);
    world.decide(3000, sight([lte]));
    expect(world.paths.lacking).toEqual([{ way: FIBRE, forMs: 3000, repairs: 1 }]);
    world.decide(3100, sight([lte, subflow(FIBRE)]));
    expect(world.paths.lacking).toEqual([]);
  });

  test("is neither joined nor told of where MPTCP is taken out; what works there stays", () => {
    const world = new World();
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const stripped = new Set([FIBRE.localAddress]);
    expect(world.decide(0, sight([lte, fibre], { stripped })).filter(isChange)).toEqual([]);
    expect(world.decide(9000, sight([lte], { stripped })).filter(isChange)).toEqual([]);
    expect(world.paths.lacking).toEqual([]);
  });

  test("that held for 10 s has been cured: the next loss is mended at once", () => {
    const world = new World();
    const [lte, fibre] = [subflow(LTE), subflow(FIBRE)];
    const join = ["join fibre"];
    for (const now of [0, 3000, 6000]) expect(world.decide(now, sight([lte])).slice(0, 1)).toEqual(join);
    world.decide(6100, sight([lte, fibre]));
    world.decide(16_100, sight([lte, fibre]));
    expect(world.decide(16_200, sight([lte])).filter(isChange)).toEqual(join);

    world.decide(16_300, sight([lte, fibre]));
    expect(world.decide(17_000, sight([lte])).filter(isChange)).toEqual([]);
  });
});

test("of several subflows on a way, from joins that came late, the one that was heard last is kept", () => {
  const world = new World();
  const heard = (heardAt: number): Watched => subflow(FIBRE, "well", { heardAt });
  const [first, second, third] = [heard(10), heard(30), heard(20)];
  const steps = world.paths.decide(50, sight([first, second, third, pending(FIBRE), subflow(LTE)]));
  expect(steps.filter(({ do: what }) => what === "end")).toHaveLength(3);
  expect(steps).not.toContainEqual({ do: "end", subflow: second.subflow });
});

test("a way that is no more is left", () => {
  const world = new World();
  const both = [subflow(FIBRE), subflow(LTE)];
  world.decide(0, sight(both));
  expect(world.decide(1, sight(both, { ways: [LTE] }))).toEqual(["leave fibre", "lte is no backup"]);
});

test("whatever is seen: one join per way and pause, the last that works is not ended, and is no backup", () => {
  const seenSubflow = fc.record({
    over: fc.constantFrom(FIBRE, LTE, DSL),
    port: fc.integer({ min: 1, max: 2 }),
    judgement: fc.constantFrom<Judgement>("well", "well", "suspect", "dead"),
    established: fc.boolean(),
    silentMs: fc.integer({ min: 0, max: 4000 }),
  });
  const look = fc.record({
    pause: fc.integer({ min: 1, max: 2000 }),
    seen: fc.uniqueArray(seenSubflow, {
      maxLength: 5,
      selector: ({ over, port }) => `${over.name} ${port}`,
    }),
    ways: fc.subarray([FIBRE, { ...LTE, backup: true }, DSL]),
    spread: fc.constantFrom("best" as const, "all" as const),
    best: fc.constantFrom("fibre", "lte", "dsl", undefined),
  });
  fc.assert(
    fc.property(fc.array(look, { minLength: 5, maxLength: 30 }), (looks) => {
      const world = new World();
      const backups = new Map<string, boolean>();
      const joined = new Map<string, number>();
      let now = 0;
      for (const { pause, seen, ...rest } of looks) {
        now += pause;
        const subflows = seen.map(({ over, judgement, silentMs, ...one }) =>
          subflow(over, judgement, { ...one, heardAt: now - silentMs }),
        );
        for (const one of subflows) {
          const over = rest.ways.find(({ localAddress }) => localAddress === one.subflow.local.address);
          if (over !== undefined) world.health(over).observe(now, one);
        }
        const works = ({ subflow: { established, local }, judgement, heardAt }: Watched): boolean => {
          const over = rest.ways.find(({ localAddress }) => localAddress === local.address);
          if (over === undefined) return false;
          return established && judgement !== "dead" && !world.health(over).tcp.gone(heardAt);
        };
        const usable = subflows.filter(works).map((one) => one.subflow);
        const ended = new Set<SubflowSight>();
        const there = new Set(subflows.map(({ subflow: { local } }) => `${local.address} ${local.port}`));
        for (const address of joined.keys()) {
          if (!rest.ways.some(({ localAddress }) => localAddress === address)) joined.delete(address);
        }
        for (const key of backups.keys()) if (!there.has(key)) backups.delete(key);
        for (const step of world.paths.decide(now, { ...rest, stripped: new Set(), subflows })) {
          if (step.do === "join") {
            const { localAddress } = step.way;
            const opened = world.health(step.way).openedAt > (joined.get(localAddress) ?? -Infinity);
            if (!opened) expect(now - (joined.get(localAddress) ?? -1000)).toBeGreaterThanOrEqual(1000);
            joined.set(localAddress, now);
          } else if (step.do === "set-backup") {
            const { address, port } = step.subflow.local;
            backups.set(`${address} ${port}`, step.backup);
          } else ended.add(step.subflow);
        }
        if (usable.length === 0) continue;
        const left = usable.filter((one) => !ended.has(one));
        for (const { local } of usable)
          expect(left.some((one) => one.local.address === local.address)).toBe(true);
        expect(left.every(({ local }) => backups.get(`${local.address} ${local.port}`) === true)).toBe(false);
      }
    }),
    { numRuns: 1000 },
  );
});

import { describe, expect, test } from "vitest";
import { Worth, type WorthSight } from "./worth.ts";

type Seen = WorthSight["wans"][number];
const FIBRE: Seen = { name: "fibre", rate: 90e6, rttMs: 20, degraded: false };
/** Slow, and with a small share: suspected. */
const LTE: Seen = { name: "lte", rate: 10e6, rttMs: 200, degraded: false };

/** WANs under load, second by second; the same seed gives the same noise. */
class World {
  readonly worth = new Worth();
  second = 0;
  loaded = true;
  wans: readonly Seen[] = [FIBRE, LTE];
  /** What all carry together (bit/s), with lte in use or without. */
  total: (uses: boolean) => number = (uses) => (uses ? 81e6 : 95e6);
  /** Share by which each second differs. */
  noise = 0.03;
  /** Seconds in which lte was left out. */
  readonly leftOut: number[] = [];
  #chance: number;

  constructor(seed = 1) {
    this.#chance = seed;
  }

  get random(): number {
    this.#chance = (this.#chance * 48_271) % 0x7fff_ffff;
    return this.#chance / 0x7fff_ffff;
  }

  run(seconds: number): this {
    for (const end = this.second + seconds; this.second < end; this.second++) {
      const uses = !this.worth.leavesOut("lte");
      if (!uses) this.leftOut.push(this.second);
      const total = this.total(uses) * (1 + this.noise * (2 * this.random - 1));
      this.worth.look(this.second * 1000, { total, loaded: this.loaded, wans: this.wans });
    }
    return this;
  }

  get cost(): number | undefined {
    return this.worth.costOf("lte");
  }
}

describe("a WAN that lowers the total", () => {
  test("is left out and used again in turn, then paused with the figure it cost", () => {
    const world = new World().run(118);
    expect(world.cost).toBeUndefined();
    const seconds = (from: number): number[] => Array.from({ length: 11 }, (_, at) => from + at);
    expect(world.leftOut).toEqual([31, 53, 75, 97].flatMap(seconds));
    world.run(1);
    expect(world.cost).toBeGreaterThan(12e6);
    expect(world.cost).toBeLessThan(16e6);
    expect(world.worth.leavesOut("lte")).toBe(true);
  });

  test("is compared again two minutes later where the comparisons do not agree", () => {
    const world = new World();
    let cured = false;
    world.total = (uses) => {
      cured ||= !uses;
      return cured ? 95e6 : 31e6;
    };
    world.run(53 + 119);
    expect([world.cost, world.leftOut.at(-1)]).toEqual([undefined, 41]);
    world.run(3);
    expect(world.leftOut.at(-1)).toBe(174);
  });

  test("is tried again after ten minutes, and paused for longer where it still does", () => {
    const world = new World().run(118 + 600);
    expect(world.worth.leavesOut("lte")).toBe(true);
    world.run(1);
    expect(world.worth.leavesOut("lte")).toBe(false);
    world.run(88);
    expect(world.cost).toBeGreaterThan(12e6);
    world.leftOut.length = 0;
    world.run(1100);
    expect(world.leftOut).toHaveLength(1100);
  });

  test("is used again where it lowers it no longer", () => {
    const world = new World().run(120);
    world.total = (uses) => (uses ? 110e6 : 95e6);
    world.run(620);
    expect([world.cost, world.worth.leavesOut("lte")]).toEqual([undefined, false]);
  });

  test("is used again when another comes or goes: that makes another sum", () => {
    const world = new World().run(120);
    world.wans = [FIBRE, LTE, { name: "dsl", rate: 5e6, rttMs: 30, degraded: false }];
    world.run(1);
    expect([world.cost, world.worth.leavesOut("lte")]).toEqual([undefined, false]);
  });

  test("stays paused while there is no load to tell by", () => {
    const world = new World().run(120);
    world.loaded = false;
    world.run(2000);
    expect(world.worth.leavesOut("lte")).toBe(true);
  });

  test("is found by its losses, too", () => {
    const world = new World();
    world.wans = [FIBRE, { ...LTE, rttMs: 30, degraded: true }];
    expect(world.run(120).cost).toBeGreaterThan(12e6);
  });
});

describe("nothing is paused", () => {
  const hours = (world: World, count: number): World => world.run(count * 3600);

  test("nor tried where the WANs are of a kind, whatever they carry", () => {
    const world = new World();
    world.wans = [
      { ...FIBRE, rttMs: 110, rate: 95e6 },
      { ...LTE, rttMs: 400, rate: 45e6 },
    ];
    world.total = () => 140e6;
    expect(hours(world, 1).leftOut).toEqual([]);
  });

  test("nor tried without load, by a load that is short, or with one WAN", () => {
    const idle = new World();
    idle.loaded = false;
    const brief = new World();
    for (let times = 0; times < 50; times++) {
      brief.loaded = true;
      brief.run(25);
      brief.loaded = false;
      brief.run(5);
    }
    const alone = new World();
    alone.wans = [LTE];
    expect([hours(idle, 1), brief, hours(alone, 1)].map(({ leftOut }) => leftOut)).toEqual([[], [], []]);
  });

  test("where it adds something, and that is tried ever more rarely", () => {
    const world = new World();
    world.total = (uses) => (uses ? 110e6 : 95e6);
    hours(world, 12);
    expect(world.cost).toBeUndefined();
    expect(world.leftOut.length).toBeLessThan(70);
  });

  test("where users take what they want, with and without it", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      let wanted = 50e6;
      world.total = () => {
        // They come and go: every so often the total is another, and it drifts.
        if (world.random < 0.05) wanted = 5e6 + 90e6 * world.random;
        return wanted;
      };
      world.noise = 0.2;
      for (let minute = 0; minute < 180; minute++) {
        world.run(60);
        expect([seed, minute, world.cost]).toEqual([seed, minute, undefined]);
      }
    }
  });

  test("where the difference is small", () => {
    const world = new World();
    world.total = (uses) => (uses ? 90e6 : 95e6);
    expect(hours(world, 2).cost).toBeUndefined();
  });

  test("when the load ends in the midst of a trial", () => {
    const world = new World().run(36);
    world.loaded = false;
    world.run(1);
    world.loaded = true;
    world.run(100);
    expect([world.cost, world.worth.leavesOut("lte")]).toEqual([undefined, false]);
  });
});

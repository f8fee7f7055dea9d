import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PathHealth } from "./health.ts";
import { perMille } from "./lossmeter.ts";
import type { Judgement } from "./verdict.ts";
import type { Watched } from "./watch.ts";
import { WayHealth } from "./wayhealth.ts";

const END = { address: "192.0.2.1", port: 1 };
const seen = (heardAt: number, judgement: Judgement = "well"): Watched => ({
  subflow: {
    local: END,
    remote: END,
    established: true,
    silentMs: 0,
    lastAckMs: 0,
    lastSentMs: 0,
    delivered: 0,
    unacked: 0,
    timeouts: 0,
    rttMs: 16,
    jitterMs: 1,
    sentBytes: 0,
    resentBytes: 0,
  },
  judgement,
  heardAt,
  patienceMs: 120,
});

describe("a path", () => {
  test.each<[string, (path: PathHealth) => void, string]>([
    ["nothing is known of", () => undefined, "unknown"],
    ["that was heard", (path) => path.heard(10), "up"],
    ["that is suspected since", (path) => (path.heard(10), path.suspected(90)), "suspect"],
    ["that was suspected before it was heard", (path) => (path.suspected(90), path.heard(95)), "up"],
    ["that was lost", (path) => (path.heard(10), path.suspected(90), path.lost(130, 120)), "dead"],
    ["that was lost and never heard", (path) => path.lost(1000, 1000), "dead"],
    ["of which a part was lost, others heard since", (path) => (path.lost(130, 120), path.heard(140)), "up"],
    ["whose loss is told late", (path) => (path.heard(140), path.lost(150, 120)), "up"],
  ])("%s is %s", (_, tell, state) => {
    const path = new PathHealth();
    tell(path);
    expect(path.state).toBe(state);
  });

  test("has the same state in whatever order it is told", () => {
    const word = fc.record({ what: fc.constantFrom("heard", "suspected", "lost"), at: fc.nat(1000) });
    const told = (words: readonly { readonly what: string; readonly at: number }[]): string => {
      const path = new PathHealth();
      for (const { what, at } of words) {
        if (what === "heard") path.heard(at);
        else if (what === "suspected") path.suspected(at);
        else path.lost(at + 120, 120);
      }
      return path.state;
    };
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.func(fc.nat()), (words, order) => {
        const shuffled = words.map((one, at) => [order(at), one] as const).sort(([a], [b]) => a - b);
        expect(told(shuffled.map(([, one]) => one))).toBe(told(words));
      }),
    );
  });
});

/** A way, the probes on it, and who answers them. */
class World {
  readonly way = new WayHealth();
  answers = true;
  /** Whether the answer to the probe that is sent now is lost. */
  loses: () => boolean = () => false;
  now = 0;
  /** When probes were sent. */
  readonly sent: number[] = [];
  readonly #due: { readonly at: number; readonly number: number }[] = [];

  /** Runs until `end` in steps of 50 ms; the answer takes 16 ms. */
  run(end: number, act: (now: number) => void = () => undefined): this {
    for (; this.now < end; this.now += 50) {
      while ((this.#due[0]?.at ?? Infinity) <= this.now) {
        const { at, number } = this.#due.shift() ?? { at: 0, number: 0 };
        if (this.answers) this.way.answered(at, number);
      }
      act(this.now);
      for (;;) {
        const number = this.way.probe(this.now);
        if (number === undefined) break;
        this.sent.push(this.now);
        if (this.answers && !this.loses()) this.#due.push({ at: this.now + 16, number });
      }
    }
    return this;
  }
}

describe("a way", () => {
  test("is asked rarely while all is quiet, and is up by that alone", () => {
    const world = new World().run(60_000);
    expect(world.sent).toEqual([0, 20_000, 40_000]);
    expect([world.way.state, world.way.open]).toEqual(["up", true]);
  });

  test("is asked again and again when an answer is missing, and is then avoided", () => {
    const world = new World().run(15_000);
    world.way.observe(15_000, seen(15_000));
    world.answers = false;
    world.run(20_050);
    expect(world.way.state).toBe("up");
    world.run(21_000);
    expect(world.sent.filter((at) => at >= 20_000).slice(0, 3)).toEqual([20_000, 20_100, 20_150]);
    expect(world.way.state).toBe("suspect");
    expect(world.way.open).toBe(true);
  });

  test("that loses two thirds is surveyed, asked more often from then on, and never dead while answers come", () => {
    const world = new World().run(1000);
    world.way.observe(1000, seen(1000));
    let count = 0;
    world.loses = () => count++ % 3 !== 0;
    world.way.doubt(1050);
    const states = new Set<string>();
    world.run(5000, () => states.add(world.way.figures(world.now).probes));
    const shares = [world.way.figures(5000).loss];
    world.run(70_000, () => states.add(world.way.figures(world.now).probes));
    shares.push(world.way.figures(70_000).loss);
    expect(states.has("dead")).toBe(false);
    for (const loss of shares) {
      expect(loss.probes).toBeGreaterThan(150);
      expect(perMille(loss)).toBeGreaterThan(600);
      expect(perMille(loss)).toBeLessThan(733);
    }
  });

  test("whose connections are in doubt is asked as hard as can be, but not for ever", () => {
    const world = new World().run(5000);
    world.way.observe(5000, seen(4990));
    world.way.doubt(5000);
    world.run(30_000);
    const [early, late] = [[5000, 10_000] as const, [20_000, 25_000] as const].map(
      ([from, to]) => world.sent.filter((at) => at >= from && at < to).length,
    );
    expect(early).toBe(100);
    expect(late).toBeLessThanOrEqual(1);
  });

  test("on which connections are heard though probes are dead is one where UDP is blocked", () => {
    const world = new World().run(1000);
    world.way.observe(1000, seen(1000));
    world.answers = false;
    world.way.doubt(1050);
    world.run(3000);
    expect(world.way.figures(3000).probes).toBe("dead");
    world.way.observe(3500, seen(3500));
    expect(world.way.figures(3500)).toMatchObject({ probes: "unknown", tcp: "up", health: "up", heardMs: 0 });
    world.answers = true;
    world.run(12_000);
    expect(world.way.figures(12_000).probes).toBe("up");
  });

  test("whose probes are lost while its bytes are acknowledged is up", () => {
    const world = new World().run(15_000);
    world.answers = false;
    world.run(30_000, (now) => world.way.observe(now, seen(now)));
    expect(world.way.state).toBe("up");
  });

  test("on which bytes and probes are lost is dead; it is open again with the first answer, and up when bytes come", () => {
    const world = new World().run(1000);
    world.way.observe(1000, seen(1000));
    world.answers = false;
    world.run(1200);
    world.way.observe(1200, seen(1000, "dead"));
    expect([world.way.state, world.way.open, world.way.silent]).toEqual(["dead", false, true]);
    world.run(5000);
    const asked = world.sent.filter((at) => at >= 2000 && at < 3000);
    expect(asked.length).toBeGreaterThanOrEqual(6);
    expect(asked.length).toBeLessThanOrEqual(7);
    world.answers = true;
    world.run(5250);
    expect([world.way.state, world.way.open, world.way.silent]).toEqual(["dead", true, false]);
    expect(world.way.openedAt).toBeGreaterThan(5000);
    world.way.observe(5300, seen(5290));
    expect(world.way.state).toBe("up");
  });

  test("that dies again before it was used is closed again", () => {
    const world = new World().run(1000);
    world.way.observe(1200, seen(1000, "dead"));
    world.run(1500);
    expect(world.way.open).toBe(true);
    world.answers = false;
    world.run(2500);
    expect(world.way.open).toBe(false);
    world.answers = true;
    world.run(2800);
    expect(world.way.open).toBe(true);
  });

  test("whose NAT forgot its connections is open at once: probes are answered all the time", () => {
    const world = new World().run(1000);
    world.way.observe(1150, seen(1000, "dead"));
    expect(world.way.open).toBe(false);
    world.run(1400);
    expect(world.way.open).toBe(true);
  });

  test("on which all are silent is dead where the probes are, too, and else after 3 s", () => {
    for (const [answers, dead] of [
      [false, 1500],
      [true, 4000],
    ] as const) {
      const world = new World().run(1000);
      world.answers = answers;
      const look = (now: number): void => world.way.observe(now, seen(1000, "suspect"));
      world.run(dead - 300, look);
      expect(world.way.state).toBe("suspect");
      world.run(dead + 50, look);
      expect(world.way.state).toBe("dead");
    }
  });

  test("on which no probe was ever answered is hardly asked, and says nothing by that", () => {
    const world = new World();
    world.answers = false;
    world.run(120_000, (now) => world.way.observe(now, seen(now)));
    expect(world.sent).toEqual([0, 1000, 2000, 62_000]);
    expect(world.way.state).toBe("up");
  });

  test("is asked less often the longer it is dead", () => {
    const world = new World().run(1000);
    world.answers = false;
    world.way.observe(1200, seen(1000, "dead"));
    world.run(2_000_000);
    const between = (from: number, to: number): number =>
      world.sent.filter((at) => at >= from && at < to).length;
    expect(between(100_000, 101_000)).toBeLessThanOrEqual(7);
    expect(between(500_000, 510_000)).toBe(10);
    expect(between(1_500_000, 1_600_000)).toBe(20);
  });

  test("lets carriers connect in turn, four at a time; while it is dead, one now and then", () => {
    const { way } = new World();
    const taken = (now: number): number =>
      Array.from({ length: 64 }, () => way.mayJoin(now)).filter(Boolean).length;
    expect([0, 10, 50, 100].map(taken)).toEqual([4, 0, 4, 4]);
    way.observe(220, seen(100, "dead"));
    const scouts: number[] = [];
    for (let now = 250; now < 10_000; now += 50) if (taken(now) > 0) scouts.push(now);
    expect(scouts).toEqual([250, 3250, 6250, 9250]);
  });

  test("that is dead is tried again soon where the last try ended before it was given up", () => {
    const { way } = new World();
    way.answered(10, way.probe(0) ?? 0);
    way.observe(220, seen(100, "dead"));
    for (let now = 250; way.open && now < 2000; now += 50) way.probe(now);
    const scouts: number[] = [];
    const scout = (from: number, until: number): void => {
      for (let now = from; now < until; now += 50) if (way.mayJoin(now)) scouts.push(now);
    };
    scout(2000, 4000);
    way.joinFailed(1950);
    scout(4000, 6000);
    way.joinFailed(2000);
    scout(6000, 20_000);
    expect([way.open, scouts]).toEqual([false, [2000, 6000]]);
  });

  test("on which one is dead while others are heard is in doubt until the next word", () => {
    const { way } = new World();
    way.observe(1000, seen(990));
    way.observe(1000, seen(995, "dead"));
    expect([way.state, way.tcp.gone(870), way.tcp.gone(990)]).toEqual(["suspect", true, false]);
    way.observe(1010, seen(1005));
    expect(way.state).toBe("up");
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WayFigures } from "./figures.ts";
import {
  carries,
  carriesDirectly,
  isOut,
  newWan,
  superviseWan,
  type WanState,
  type WanStateName,
  WAN_STATES,
} from "./supervisor.ts";
import { USUAL } from "./thresholds.ts";
import type { WanSight } from "./wansight.ts";

const way = (changes: Partial<WayFigures> = {}): WayFigures => ({
  health: "up",
  tcp: "up",
  probes: "up",
  heardMs: 10,
  unanswered: 0,
  loss: { probes: 100, lost: 0 },
  rttMs: 50,
  jitterMs: 2,
  ...changes,
});
const sight = (changes: Partial<WanSight> = {}): WanSight => ({
  role: "active",
  trouble: undefined,
  way: way(),
  rate: 0,
  heardElsewhere: true,
  ...changes,
});
const DEAD = way({ health: "dead", tcp: "dead", probes: "dead", heardMs: 250 });
const dead = (changes: Partial<WanSight> = {}): WanSight => sight({ way: DEAD, ...changes });
const NEWS_TO_COME = sight({
  way: way({ health: "unknown", tcp: "unknown", probes: "unknown", heardMs: null }),
});
/** What a path shows that loses 66.6667 %. */
const lossy = (changes: Partial<WayFigures> = {}): WanSight =>
  sight({ way: way({ loss: { probes: 240, lost: 160 }, ...changes }) });

/** The states that a sequence of observations leads through, each with the time (ms) at which it is entered. */
function history(steps: readonly (readonly [at: number, sight: WanSight])[]): string[] {
  let state = newWan(0);
  const entered: string[] = [];
  for (const [at, seen] of steps) {
    const next = superviseWan(state, seen, at);
    if (next.name !== state.name) entered.push(`${at} ${next.name}`);
    state = next;
  }
  return entered;
}

/** The same thing seen every 100 ms, from until to. */
const seen = (from: number, to: number, what: WanSight): (readonly [number, WanSight])[] =>
  Array.from({ length: Math.floor((to - from) / 100) + 1 }, (_, at) => [from + at * 100, what] as const);
const last = (steps: readonly (readonly [number, WanSight])[]): WanState =>
  steps.reduce((state, [at, what]) => superviseWan(state, what, at), newWan(0));

describe("a WAN goes", () => {
  test.each<[string, readonly (readonly [number, WanSight])[], readonly string[]]>([
    ["nowhere before there is news", seen(0, 5000, NEWS_TO_COME), []],
    [
      "up as soon as it is heard",
      [
        [0, NEWS_TO_COME],
        [100, sight()],
      ],
      ["100 up"],
    ],
    ["up by acknowledged bytes alone", [[0, sight({ way: undefined, ackedMs: 20 })]], ["0 up"]],
    [
      "off by the config, whatever is heard",
      [
        [0, sight()],
        [100, sight({ role: "off" })],
      ],
      ["0 up", "100 off"],
    ],
    [
      "away with its device",
      [
        [0, sight()],
        [100, sight({ trouble: "absent" })],
      ],
      ["0 up", "100 absent"],
    ],
    [
      "out with its cable",
      [
        [0, sight()],
        [100, sight({ trouble: "no-carrier" })],
      ],
      ["0 up", "100 no-carrier"],
    ],
    ["out with its switch", [[0, sight({ trouble: "switched-off" })]], ["0 no-carrier"]],
    ["out with its address", [[0, sight({ trouble: "no-address" })]], ["0 no-address"]],
    ["out with its gateway", [[0, sight({ trouble: "no-gateway" })]], ["0 no-gateway"]],
    [
      "up again when its cable is back and the server is heard",
      [
        [0, sight()],
        [100, sight({ trouble: "no-carrier" })],
        [200, NEWS_TO_COME],
        [300, sight()],
      ],
      ["0 up", "100 no-carrier", "200 checking", "300 up"],
    ],
    [
      "over its quota",
      [
        [0, sight()],
        [100, sight({ quota: "500 MB of 500 MB" })],
      ],
      ["0 up", "100 over-quota"],
    ],
    [
      "down at once by a verdict that others are spared",
      [
        [0, sight()],
        [300, dead()],
      ],
      ["0 up", "300 down"],
    ],
    [
      "down and is up again only when it was heard for a while",
      [[0, sight()], [300, dead()], ...seen(1000, 2500, sight())],
      ["0 up", "300 down", "1000 checking", "2000 up"],
    ],
    [
      "not up by a short sign of life",
      [[0, sight()], [300, dead()], ...seen(1000, 1500, sight()), [1600, dead()]],
      ["0 up", "300 down", "1000 checking", "1600 down"],
    ],
    [
      "nowhere while acknowledged bytes are newer than the verdict",
      [
        [0, sight()],
        [300, dead({ ackedMs: 40 })],
      ],
      ["0 up"],
    ],
    [
      "into doubt where the server is heard nowhere: it may be the server's trouble",
      [
        [0, sight()],
        [300, dead({ heardElsewhere: false })],
      ],
      ["0 up", "300 checking"],
    ],
    [
      "down where the gateway does not answer either",
      [
        [0, sight()],
        [300, dead({ heardElsewhere: false, gatewayAnswers: false })],
      ],
      ["0 up", "300 down"],
    ],
    [
      "nowhere where only the server is gone",
      [
        [0, sight()],
        [300, dead({ heardElsewhere: false, check: { answered: true, what: "dns 9.9.9.9" } })],
      ],
      ["0 up"],
    ],
    [
      "into degradation where the server is heard elsewhere, and the internet here",
      [
        [0, sight()],
        [300, dead({ check: { answered: true, what: "dns 9.9.9.9" } })],
      ],
      ["0 up", "300 degraded"],
    ],
    [
      "down by its check where there is no connection any more, and nothing was heard since",
      [
        [0, sight()],
        [
          6000,
          sight({
            cutMs: 5000,
            way: way({ heardMs: 5500 }),
            check: { answered: false, what: "icmp 9.9.9.9" },
          }),
        ],
      ],
      ["0 up", "6000 down"],
    ],
    [
      "nowhere where there is no connection any more, and nothing else is known",
      [
        [0, sight()],
        [6000, sight({ cutMs: 5000, way: way({ heardMs: 5500 }), heardElsewhere: false })],
      ],
      ["0 up"],
    ],
    [
      "nowhere where a check fails and the server answers",
      [
        [0, sight()],
        [300, sight({ check: { answered: false, what: "icmp 9.9.9.9" }, gatewayAnswers: false })],
      ],
      ["0 up"],
    ],
    [
      "up by a check where nobody knows of the server",
      [[0, sight({ way: undefined, check: { answered: true, what: "icmp 9.9.9.9" } })]],
      ["0 up"],
    ],
    [
      "down by a check where nobody knows of the server",
      [[0, sight({ way: undefined, check: { answered: false, what: "icmp 9.9.9.9" } })]],
      ["0 down"],
    ],
    [
      "nowhere when the data process has nothing to tell",
      [
        [0, sight()],
        [5000, NEWS_TO_COME],
      ],
      ["0 up"],
    ],
    [
      "nowhere when there is no data process",
      [[0, sight()], ...seen(5000, 60_000, sight({ way: undefined }))],
      ["0 up"],
    ],
    [
      "into degradation where losses last",
      [[0, sight()], ...seen(100, 3000, lossy())],
      ["0 up", "1100 degraded"],
    ],
    ["nowhere by a burst of losses", [[0, sight()], ...seen(100, 900, lossy()), [1000, sight()]], ["0 up"]],
    [
      "nowhere by a share of few probes",
      [[0, sight()], ...seen(100, 5000, lossy({ loss: { probes: 6, lost: 4 } }))],
      ["0 up"],
    ],
    [
      "nowhere where 1 % is lost",
      [[0, sight()], ...seen(100, 60_000, lossy({ loss: { probes: 256, lost: 3 } }))],
      ["0 up"],
    ],
    [
      "up again when little was lost for long",
      [...seen(0, 2000, lossy()), ...seen(2100, 40_000, sight())],
      ["0 up", "1000 degraded", "32100 up"],
    ],
    [
      "nowhere between the two limits, having been degraded",
      [...seen(0, 2000, lossy()), ...seen(2100, 90_000, lossy({ loss: { probes: 200, lost: 6 } }))],
      ["0 up", "1000 degraded"],
    ],
    [
      "nowhere where much is lost, by a silence that is no chance",
      [
        ...seen(0, 2000, lossy()),
        ...seen(2100, 60_000, lossy({ health: "dead", tcp: "dead", unanswered: 20, heardMs: 1000 })),
      ],
      ["0 up", "1000 degraded"],
    ],
    [
      "down where much is lost, by a silence that is none",
      [
        ...seen(0, 2000, lossy()),
        [2100, lossy({ health: "dead", tcp: "dead", unanswered: 44, heardMs: 2300 })],
      ],
      ["0 up", "1000 degraded", "2100 down"],
    ],
    [
      "into degradation where connections do not get through",
      [[0, sight()], ...seen(1000, 20_000, sight({ way: way({ health: "dead", tcp: "dead" }) }))],
      ["0 up", "11000 degraded"],
    ],
    [
      "busy by a queue that lasts, and is calm again later",
      [
        [0, sight()],
        ...seen(1000, 5000, sight({ rate: 50e6, rttMs: 400 })),
        ...seen(5100, 9000, sight({ rate: 50e6, rttMs: 60 })),
      ],
      ["0 up", "2000 busy", "8100 up"],
    ],
    [
      "not busy by a long round trip without traffic",
      [[0, sight()], ...seen(1000, 5000, sight({ rttMs: 900 }))],
      ["0 up"],
    ],
    [
      "into a pause where it costs the others",
      [
        [0, sight()],
        [100, sight({ cost: 38e6 })],
      ],
      ["0 up", "100 paused"],
    ],
    [
      "out of a pause when it dies",
      [
        [0, sight({ cost: 38e6 })],
        [100, dead({ cost: 38e6 })],
      ],
      ["0 paused", "100 down"],
    ],
  ])("%s", (_, steps, expected) => {
    expect(history(steps)).toEqual(expected);
  });
});

/** What leads to each state, seen for as long as it takes. */
const LEADING: Readonly<Record<WanStateName, WanSight>> = {
  absent: sight({ trouble: "absent", way: undefined }),
  "no-carrier": sight({ trouble: "no-carrier", way: undefined }),
  "no-address": sight({ trouble: "no-address", way: undefined }),
  "no-gateway": sight({ trouble: "no-gateway", way: undefined }),
  checking: dead({ heardElsewhere: false }),
  up: sight(),
  busy: sight({ rate: 50e6, rttMs: 400 }),
  degraded: lossy(),
  paused: sight({ cost: 38e6 }),
  down: dead(),
  "over-quota": sight({ quota: "500 MB of 500 MB" }),
  off: sight({ role: "off" }),
};
/** Long enough for any state to come about, and for any to be left. */
const LONG_MS = 60_000;

test("every transition: from each state to each other, what is entered and after how long", async () => {
  const lines = WAN_STATES.flatMap((from) =>
    WAN_STATES.filter((to) => to !== from).map((to) => {
      const before = [[0, sight()] as const, ...seen(100, LONG_MS, LEADING[from])];
      const after = seen(LONG_MS + 100, 2 * LONG_MS, LEADING[to]);
      const known = history(before).length;
      const entered = history([...before, ...after]).slice(known);
      expect([last(before).name, last([...before, ...after]).name]).toEqual([from, to]);
      const steps = entered.map((step) => {
        const [at, name] = step.split(" ");
        return `${name} after ${Number(at) - LONG_MS - 100} ms`;
      });
      return `${from} -> ${steps.join(" -> ")}`;
    }),
  );
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("transitions.txt");
});

describe("what goes out directly", () => {
  const fails = { answered: false, what: "icmp 192.0.2.1" };
  test.each<[string, readonly (readonly [number, WanSight])[], boolean]>([
    ["goes by a WAN that is up", [[0, sight()]], true],
    ["goes by one of which nothing is known yet", [[0, NEWS_TO_COME]], true],
    ["goes by one that is busy", seen(0, 5000, LEADING.busy), true],
    ["does not go by one that is down", [[0, dead()]], false],
    ["does not go by one that is over its quota", [[0, LEADING["over-quota"]]], false],
    ["does not go where the server alone is reached", [[0, sight({ check: fails })]], false],
    [
      "goes there again when the check answers",
      [
        [0, sight({ check: fails })],
        [100, sight()],
      ],
      true,
    ],
    [
      "goes where the check answers and the server does not",
      [[0, dead({ check: { ...fails, answered: true } })]],
      true,
    ],
  ])("%s", (_, steps, expected) => {
    expect(carriesDirectly(last(steps))).toBe(expected);
  });

  test("makes no difference to what goes through the server", () => {
    const state = last([[0, sight({ check: fails })]]);
    expect([state.name, carries(state.name)]).toEqual(["up", true]);
    expect(state.reason).toBe(
      "round trip 50 ms; icmp 192.0.2.1 does not answer: nothing goes out here directly",
    );
  });
});

describe("the reason tells", () => {
  test.each<[string, readonly (readonly [number, WanSight])[], string]>([
    [
      "what is lost, in per mille and counts",
      seen(0, 2000, lossy()),
      "667 per mille lost (160 of 240 probes)",
    ],
    ["how long nothing was heard", [[0, dead()]], "the server has not been heard over it for 0.3 s"],
    [
      "what fills a busy line",
      [[0, sight()], ...seen(1000, 3000, sight({ rate: 48.2e6, rttMs: 412 }))],
      "48.2 Mbit/s, round trip 412 ms, of which 50 ms are the line's",
    ],
    ["what a paused one costs", [[0, sight({ cost: 38e6 })]], "with it, all together carry 38.0 Mbit/s less"],
    ["what is well", [[0, sight()]], "round trip 50 ms"],
    [
      "what was lost where that is little",
      [[0, lossy({ loss: { probes: 250, lost: 1 } })]],
      "round trip 50 ms, 4 per mille lost (1 of 250 probes)",
    ],
    [
      "who answers instead",
      [[0, dead({ check: { answered: true, what: "icmp 192.0.2.1" } })]],
      "the server has not been heard over it for 0.3 s, icmp 192.0.2.1 answers",
    ],
    [
      "what is silent beside the server",
      [[0, dead({ gatewayAnswers: false })]],
      "the server has not been heard over it for 0.3 s, the gateway does not answer",
    ],
  ])("%s", (_, steps, reason) => {
    expect(last(steps).reason).toBe(reason);
  });
});

/** How long (ms) a state that was measured lasts at least before all is well. */
const LEAST_MS: ReadonlyMap<WanStateName, number> = new Map([
  ["busy", USUAL.calmAfterMs],
  ["degraded", USUAL.wellAfterMs],
]);

describe("whatever is seen", () => {
  const health = fc.constantFrom("up", "suspect", "dead", "unknown") as fc.Arbitrary<WayFigures["health"]>;
  const figures = fc.record({
    health,
    tcp: health,
    probes: health,
    heardMs: fc.option(fc.nat(5000)),
    unanswered: fc.nat(60),
    loss: fc
      .record({ probes: fc.nat(256), lost: fc.nat(256) })
      .map(({ probes, lost }) => ({ probes, lost: Math.min(probes, lost) })),
    rttMs: fc.option(fc.nat(2000)),
    jitterMs: fc.option(fc.nat(100)),
  });
  const anything: fc.Arbitrary<WanSight> = fc.record({
    role: fc.constant("active" as const),
    trouble: fc.constant(undefined),
    way: fc.option(figures, { nil: undefined }),
    ackedMs: fc.option(fc.nat(5000), { nil: undefined }),
    rttMs: fc.option(fc.nat(2000), { nil: undefined }),
    rate: fc.nat(100_000_000),
    gatewayAnswers: fc.option(fc.boolean(), { nil: undefined }),
    check: fc.option(
      fc.record({ answered: fc.option(fc.boolean(), { nil: undefined }), what: fc.constant("x") }),
      { nil: undefined },
    ),
    heardElsewhere: fc.boolean(),
  });
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), anything), { maxLength: 60 });
  /** Runs them one after the other, and hands out every state with the time and what was seen. */
  const run = (
    list: readonly (readonly [number, WanSight])[],
    each: (state: WanState, at: number, what: WanSight) => void,
  ): void => {
    let [state, at] = [newWan(0), 0];
    for (const [pause, what] of list) {
      at += pause;
      state = superviseWan(state, what, at);
      each(state, at, what);
    }
  };

  test("a WAN on which new bytes are acknowledged is not out", () => {
    fc.assert(
      fc.property(steps, fc.nat(79), (list, ackedMs) => {
        run(
          list.map(([pause, what]) => [pause, { ...what, ackedMs }] as const),
          (state) => {
            expect(isOut(state.name)).toBe(false);
          },
        );
      }),
    );
  });

  test("one that was down comes up no sooner than it must prove itself", () => {
    fc.assert(
      fc.property(steps, (list) => {
        let downAt = -Infinity;
        const sinceDown: number[] = [];
        run(list, (state, at) => {
          if (state.name === "down") downAt = at;
          if (carries(state.name)) sinceDown.push(at - downAt);
        });
        expect(sinceDown.filter((ms) => ms < USUAL.riseMs)).toEqual([]);
      }),
    );
  });

  test("it is degraded or busy by measurement no sooner than that has lasted, and as long when it is over", () => {
    const calm: fc.Arbitrary<WanSight> = fc
      .tuple(figures, fc.nat(100_000_000), fc.nat(2000))
      .map(([way, rate, rttMs]) =>
        sight({ way: { ...way, health: "up", tcp: "up", probes: "up" }, rate, rttMs }),
      );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), calm), { maxLength: 60 }), (list) => {
        const lasted: number[] = [];
        let before: { readonly name: WanStateName; readonly at: number } = { name: "checking", at: 0 };
        run(list, ({ name }, at) => {
          if (name === before.name) return;
          const least = LEAST_MS.get(before.name) ?? 0;
          if (name === "up") lasted.push(at - before.at - least);
          before = { name, at };
        });
        expect(lasted.filter((ms) => ms < 0)).toEqual([]);
      }),
    );
  });

  test("seeing the same thing again at the same time changes nothing", () => {
    fc.assert(
      fc.property(steps, (list) => {
        run(list, (state, at, what) => expect(superviseWan(state, what, at)).toEqual(state));
      }),
    );
  });
});

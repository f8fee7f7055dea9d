import * as fc from "fast-check";
import type { Side } from "./audit.ts";
import type { LinkShape } from "./link.ts";
import type { Answer, World } from "./world.ts";

/** What an adversary, or an application, does next. Indices point into what is there, modulo its number. */
export type Event =
  | { readonly do: "open"; readonly answer: Answer }
  | { readonly do: "write"; readonly flow: number; readonly side: Side; readonly bytes: number }
  | { readonly do: "end" | "reset" | "pause" | "resume"; readonly flow: number; readonly side: Side }
  | ({ readonly do: "dial" } & LinkShape)
  | {
      readonly do: "cut";
      readonly link: number;
      readonly bytes: number;
      readonly told: "near" | "far" | "both" | "nobody";
    }
  | { readonly do: "storm"; readonly bytes: number; readonly told: "near" | "far" | "both" }
  | { readonly do: "hold" | "release"; readonly link: number; readonly way: "up" | "down" | "both" }
  | { readonly do: "close" | "drain"; readonly link: number; readonly side: Side }
  | { readonly do: "repeat"; readonly side: Side; readonly back: number; readonly link: number }
  | { readonly do: "restart"; readonly side: Side; readonly told: boolean }
  | { readonly do: "wait"; readonly ms: number };

export interface Script {
  /** What it shows, if somebody knows. */
  readonly name?: string;
  readonly budgetBytes: number;
  readonly events: readonly Event[];
}

const KIBIBYTE = 1024;
const INDICES = 8;
const index = fc.nat({ max: INDICES - 1 });
const back = fc.oneof(index, fc.nat({ max: 40 }));
const side = fc.constantFrom<Side>("near", "far");
const way = fc.constantFrom("up", "down", "both");
const flow = index;
const link = index;

/** The kinds of events with their weights: most of the time something is said. */
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("open"), answer: answers() }) },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("write"), flow, side, bytes: sizes() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end"), flow, side }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("reset"), flow, side }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("storm"),
      bytes: fc.nat({ max: 200 }),
      told: fc.constantFrom("near", "far", "both"),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("pause", "resume"), flow, side }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("dial"), ...shapes() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("cut"),
      link,
      bytes: sizes(),
      told: fc.constantFrom("near", "far", "both", "nobody"),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("hold", "release"), link, way }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("close", "drain"), link, side }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("repeat"), side, back, link }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart"), side, told: fc.boolean() }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("wait"), ms: waits() }) },
);

/** A first carrier and a flow; then, or at once, another that may be faster; then whatever happens. */
const BEGINNING: readonly Event[] = [
  { do: "dial", latencyMs: 10, capacity: 64 * KIBIBYTE, lossy: false },
  { do: "wait", ms: 30 },
  { do: "open", answer: "accept" },
];
const FASTER: Event = { do: "dial", latencyMs: 1, capacity: 64 * KIBIBYTE, lossy: false };
const SECOND: readonly (readonly Event[])[] = [[], [FASTER], [{ do: "wait", ms: 30 }, FASTER]];

export const script: fc.Arbitrary<Script> = fc.record({
  budgetBytes: fc.constantFrom(64 * KIBIBYTE * KIBIBYTE, 256 * KIBIBYTE, 128 * KIBIBYTE),
  events: fc
    .tuple(fc.constantFrom(...SECOND), fc.array(event, { maxLength: 40, size: "max" }))
    .map(([second, events]): Event[] => [...BEGINNING, ...second, ...events]),
});

function answers(): fc.Arbitrary<Answer> {
  return fc.constantFrom<Answer>("accept", "accept", "accept", "late", "refuse");
}

function shapes(): { readonly [K in keyof LinkShape]: fc.Arbitrary<LinkShape[K]> } {
  return {
    latencyMs: fc.constantFrom(1, 10, 50, 400),
    capacity: fc.constantFrom(64 * KIBIBYTE, 4 * KIBIBYTE, 256 * KIBIBYTE),
    lossy: fc.boolean(),
  };
}

/** A few bytes, a few packets, more than a window. */
function sizes(): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.nat({ max: 100 }) },
    { weight: 3, arbitrary: fc.nat({ max: 20_000 }) },
    { weight: 1, arbitrary: fc.nat({ max: 300_000 }) },
  );
}

/** Less than a round trip, some of them, a few timers, the silence that ends a carrier, the grace. */
function waits(): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: 30 }) },
    { weight: 6, arbitrary: fc.nat({ max: 1200 }) },
    { weight: 2, arbitrary: fc.nat({ max: 8000 }) },
    { weight: 1, arbitrary: fc.constantFrom(50_000, 100_000) },
  );
}

/** One event of a script. */
export async function play(world: World, event: Event): Promise<void> {
  switch (event.do) {
    case "open":
      world.open(event.answer);
      return;
    case "dial":
      world.dial(event);
      return;
    case "cut":
      pick(world.links, event.link)?.cut(event.bytes, event.told);
      return;
    case "storm":
      for (const each of world.links) each.cut(event.bytes, event.told);
      return;
    case "hold":
    case "release":
      pick(world.links, event.link)?.hold(event.way, event.do === "hold");
      return;
    case "close":
    case "drain":
      world.close(event.link, event.side, event.do);
      return;
    case "repeat":
      world.repeat(event.side, event.back, event.link);
      return;
    case "restart":
      world.restart(event.side, event.told);
      return;
    case "wait":
      await world.pass(event.ms);
      return;
    default:
      playApplication(world, event);
  }
}

function playApplication(
  world: World,
  event: Extract<Event, { readonly do: "write" | "end" | "reset" | "pause" | "resume" }>,
): void {
  const app = pick(world.flows, event.flow)?.[event.side]?.app;
  if (event.do === "write") app?.write(event.bytes);
  else if (event.do === "end") app?.end();
  else if (event.do === "reset") {
    const flow = pick(world.flows, event.flow);
    if (app === undefined || app.isOver || flow === undefined) return;
    app.reset();
    flow.excuse ??= `the ${event.side} application reset it`;
  } else app?.read(event.do === "resume");
}

/** As a person reads it, one event a line. */
export function describe({ name, budgetBytes, events }: Script): string {
  const lines = events.map(({ do: verb, ...rest }) =>
    [verb, ...Object.entries(rest).map(([name, value]) => `${name}=${value}`)].join(" "),
  );
  return [...(name === undefined ? [] : [name]), `budget ${budgetBytes}`, ...lines].join("\n");
}

const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % list.length];

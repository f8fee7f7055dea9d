import { duplexPair } from "node:stream";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { Carrier } from "./carrier.ts";
import type { Flow } from "./flow.ts";
import { pickCarrier } from "./pick.ts";
import { StreamChannel } from "./streamchannel.ts";

const END = { address: "192.0.2.1", port: 1 };

interface State {
  readonly rate?: number;
  readonly flows?: number;
  readonly heardAt?: number;
  readonly draining?: boolean;
  readonly closed?: boolean;
  readonly queued?: number;
}

function carrier(number: number, state: State): Carrier {
  const [stream] = duplexPair();
  const clock = new ManualClock();
  const ends = { local: END, remote: END, info: () => undefined, reset: () => undefined };
  const made = new Carrier({
    number,
    transport: "mptcp",
    channel: new StreamChannel(stream),
    clock,
    ...ends,
  });
  made.rate = state.rate ?? 0;
  made.heardAt = state.heardAt ?? 0;
  made.draining = state.draining ?? false;
  for (let count = 0; count < (state.flows ?? 0); count++) made.flows.add({} as Flow);
  if (state.queued !== undefined) stream.write(Buffer.alloc(state.queued));
  if (state.closed === true) made.close();
  return made;
}

const picked = (...states: readonly State[]): number | undefined =>
  pickCarrier(states.map((state, index) => carrier(index, state)))?.number;

const BULK = 10_000_000;

describe("the carrier for a new flow", () => {
  test.each<{
    readonly what: string;
    readonly states: readonly State[];
    readonly expected: number | undefined;
  }>([
    { what: "is none where there is none", states: [], expected: undefined },
    {
      what: "is none where all are closing",
      states: [{ draining: true }, { closed: true }],
      expected: undefined,
    },
    { what: "is not one that closes", states: [{ draining: true }, { closed: true }, {}], expected: 2 },
    { what: "is a quiet one", states: [{ rate: BULK }, { flows: 50 }], expected: 1 },
    { what: "is the least busy one", states: [{ rate: BULK }, { rate: BULK - 1 }], expected: 1 },
    { what: "counts what waits as busy", states: [{ queued: 300_000 }, { rate: 200_000 }], expected: 1 },
    { what: "does not count a trickle", states: [{ rate: 60_000, flows: 1 }, { flows: 2 }], expected: 0 },
    {
      what: "is the one with the fewest flows",
      states: [{ flows: 3 }, { flows: 1 }, { flows: 2 }],
      expected: 1,
    },
    { what: "is the one heard last", states: [{ heardAt: 1 }, { heardAt: 3 }, { heardAt: 2 }], expected: 1 },
  ])("$what", ({ states, expected }) => {
    expect(picked(...states)).toBe(expected);
  });
});

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { watchedCarrier, type WatchedCarrier } from "../../test/relay/watched-carrier.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import type { SockDiag, Tuple } from "../linux/sockdiag.ts";
import { Verdict } from "../wire/constants.ts";
import { DeadSubflows } from "./deadsubflows.ts";

/** Time between looks (ms). */
const LOOK_MS = 25;
const WANS = ["192.0.2.11", "192.0.2.12"];
/** The peer's name for its second address. */
const SECOND = 1;

let clock: ManualClock;
let dead: DeadSubflows;
let sessions: Session[];
let ended: Tuple[];

interface Session {
  readonly watched: readonly WatchedCarrier[];
  readonly carriers: ReadonlySet<WatchedCarrier["carrier"]>;
}

function session(carriers: number): Session {
  const watched = Array.from({ length: carriers }, (_, index) => watchedCarrier(index + 1, WANS));
  const made = { watched, carriers: new Set(watched.map(({ carrier }) => carrier)) };
  sessions.push(made);
  return made;
}

const looks = ({ watched }: Session): number => watched.reduce((sum, one) => sum + one.looks, 0);
const isDead = (carrier: number) =>
  ({ kind: "verdict", carrier, addressId: SECOND, verdict: Verdict.DEAD }) as const;

beforeEach(() => {
  clock = new ManualClock();
  [sessions, ended] = [[], []];
  const sockDiag: SockDiag = {
    list: () => [],
    find: ({ local }) =>
      ({ subflow: { remoteId: WANS.indexOf(local.address) } }) as ReturnType<SockDiag["find"]>,
    destroy: (tuple) => {
      ended.push(tuple);
      return "done";
    },
  };
  dead = new DeadSubflows({ sessions: () => sessions, sockDiag, clock, log: new MemoryLog() });
  dead.start();
});
afterEach(() => dead.stop());

describe("verdicts of a peer", () => {
  test("are obeyed at once", () => {
    dead.onVerdict(session(2), isDead(2));
    expect(ended.map(({ local }) => local.address)).toEqual(["192.0.2.12"]);
  });

  test("are all obeyed soon, also for many carriers", () => {
    const many = session(60);
    for (const { carrier } of many.watched) dead.onVerdict(many, isDead(carrier.number));
    for (let look = 0; look < 3; look++) clock.advance(LOOK_MS);
    expect(ended).toHaveLength(60);
  });

  test("cost no more than a few looks, however many there are", () => {
    const flooding = session(4);
    for (let count = 0; count < 10_000; count++) dead.onVerdict(flooding, isDead(1 + (count % 4)));
    expect(looks(flooding)).toBeLessThanOrEqual(8);
    clock.advance(LOOK_MS);
    // The same thing said again is one thing.
    expect(looks(flooding)).toBeLessThanOrEqual(8 + 2 * 4);
  });

  test("of one peer leave the looks of others alone", () => {
    const [flooding, other] = [session(1), session(2)];
    for (let round = 0; round < 4; round++) {
      for (let id = 0; id < 255; id++) dead.onVerdict(flooding, { ...isDead(1), addressId: id });
      for (const one of other.watched) one.bytesOut += 100;
      const before = looks(other);
      clock.advance(LOOK_MS);
      expect(looks(other)).toBe(before + 2);
    }
  });
});

describe("looks", () => {
  test("are shared: a peer with many busy carriers takes none from one with few", () => {
    const [busy, quiet] = [session(200), session(2)];
    for (let round = 1; round <= 20; round++) {
      for (const one of [...busy.watched, ...quiet.watched]) one.bytesOut += 100;
      clock.advance(LOOK_MS);
      expect(looks(quiet)).toBe(2 * round);
    }
    // Every one of the many has had its turn.
    expect(Math.min(...busy.watched.map((one) => one.looks))).toBeGreaterThanOrEqual(2);
  });

  test("come to every peer where there are more than can be looked at", () => {
    const many = Array.from({ length: 100 }, () => session(1));
    for (let round = 0; round < 8; round++) {
      for (const { watched } of many) for (const one of watched) one.bytesOut += 100;
      clock.advance(LOOK_MS);
    }
    expect(Math.min(...many.map(looks))).toBeGreaterThanOrEqual(1);
  });

  test("are not forgotten for a carrier that was busy for a moment", () => {
    const many = session(100);
    for (const one of many.watched) one.bytesOut += 100;
    for (let round = 0; round < 4; round++) clock.advance(LOOK_MS);
    expect(many.watched.map((one) => one.looks)).toEqual(Array.from({ length: 100 }, () => 1));
  });
});

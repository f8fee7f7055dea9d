import { afterEach, beforeEach, expect, test } from "vitest";
import { watchedCarrier, type WatchedCarrier } from "../../test/relay/watched-carrier.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import type { PathManager } from "../linux/pathmanager.ts";
import type { Tuple } from "../linux/sockdiag.ts";
import { NatEntries } from "../wan/natentries.ts";
import type { Way } from "../wan/subflows.ts";
import { Verdict } from "../wire/constants.ts";
import { Subflows } from "./subflows.ts";
import { Ways } from "./ways.ts";

const WAYS: readonly Way[] = [
  { name: "fibre", localAddress: "192.0.2.11", backup: false },
  { name: "lte", localAddress: "192.0.2.12", backup: false },
];
/** Of the address where the carriers began. */
const FIRST_ID = 0;
const TICK_MS = 50;

let clock: ManualClock;
let watched: WatchedCarrier[];
let left: (readonly [token: number, subflow: Tuple])[];
let joined: number;
let entries: NatEntries;
let subflows: Subflows;

function begin(carriers: number, from = WAYS.map(({ localAddress }) => localAddress)): void {
  watched = Array.from({ length: carriers }, (_, index) => watchedCarrier(index + 1, from));
  const paths: PathManager = {
    join: () => void joined++,
    leave: (token, subflow) => left.push([token, subflow]),
    end: () => undefined,
    setBackup: () => undefined,
  };
  const log = new MemoryLog();
  const health = new Ways({
    session: Buffer.alloc(16),
    datagrams: { open: () => expect.fail("no probes without a key") },
    remoteFor: () => undefined,
    clock,
    log,
  });
  entries = new NatEntries();
  subflows = new Subflows({
    carriers: new Set(watched.map(({ carrier }) => carrier)),
    paths,
    health,
    otherRemote: () => undefined,
    entries,
    clock,
    log,
  });
  subflows.start();
  subflows.update(WAYS);
  clock.advance(TICK_MS);
}

beforeEach(() => {
  clock = new ManualClock();
  [left, joined] = [[], 0];
});
afterEach(() => subflows.stop());

const looks = (): number => watched.reduce((sum, one) => sum + one.looks, 0);
const verdict = (carrier: number, addressId: number) =>
  subflows.onVerdict({ kind: "verdict", carrier, addressId, verdict: Verdict.DEAD });

test("what the other end found dead is left at once", () => {
  begin(3);
  verdict(2, FIRST_ID);
  expect(left.map(([token, { local }]) => [token, local.address])).toContainEqual([2, "192.0.2.11"]);
});

test("many verdicts at a time are all obeyed by the next tick", () => {
  begin(20);
  for (const { carrier } of watched) verdict(carrier.number, FIRST_ID);
  clock.advance(TICK_MS);
  expect(new Set(left.map(([token]) => token)).size).toBe(20);
});

test("a flood of verdicts costs one look at each carrier, and one more at every tick", () => {
  begin(20);
  const before = looks();
  for (let count = 0; count < 10_000; count++) verdict(1 + (count % 20), FIRST_ID);
  expect(looks() - before).toBeLessThanOrEqual(20);
  clock.advance(TICK_MS);
  expect(looks() - before).toBeLessThanOrEqual(2 * 20);
});

test("a carrier that joins where it was before costs the NATs of that way one entry more", () => {
  begin(3);
  verdict(2, FIRST_ID);
  clock.advance(TICK_MS);
  expect(entries.kept("fibre", clock.now())).toBe(1);
  expect(entries.kept("lte", clock.now())).toBe(0);
});

test("the first join of a carrier over a way is what it costs anyway", () => {
  begin(3, ["192.0.2.11"]);
  expect(joined).toBe(3);
  expect(entries.kept("lte", clock.now())).toBe(0);
});

import type { WayFigures } from "../wan/figures.ts";
import type { Health } from "../wan/health.ts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FakePlane } from "../../test/relay/fake-plane.ts";
import { joinReports, part, usualWorkers, type ShardReport } from "./shard.ts";

test("parts add up to the whole, and differ by one at most", () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.integer({ min: 1, max: 16 }), (total, of) => {
      const parts = Array.from({ length: of }, (_, number) => part(total, { number, of }));
      expect(parts.reduce((sum, one) => sum + one, 0)).toBe(total);
      expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
    }),
  );
});

test.each([
  [1, 1],
  [2, 1],
  [3, 2],
  [4, 3],
  [8, 4],
  [64, 4],
])("a machine with %i cores has %i workers", (cores, workers) => {
  expect(usualWorkers(cores)).toBe(workers);
});

const report = (changes: Partial<ShardReport> = {}): ShardReport => ({
  ...new FakePlane().report(),
  ...changes,
});
const carrier = { transport: "mptcp", mptcp: true } as ShardReport["sessions"][number]["carriers"][number];
const session = (id: string): ShardReport["sessions"][number] => ({
  id,
  peer: "peer",
  label: "label",
  ageMs: 1,
  flows: 2,
  wasUp: true,
  outageMs: null,
  graceLeftMs: null,
  parked: 0,
  bulk: 0,
  peerLeaves: false,
  carriers: [carrier, carrier, carrier],
});

test("what shards say is added up", () => {
  const counts = (n: number): ShardReport["counts"] => ({
    opened: n,
    refused: 2 * n,
    reset: 3 * n,
    moved: 4 * n,
    carriersLost: 5 * n,
  });
  const joined = joinReports([
    report({ heldBytes: 1, bytesIn: 2, bytesOut: 3, counts: counts(1), sessions: [session("a")] }),
    report({ heldBytes: 10, bytesIn: 20, bytesOut: 30, counts: counts(10), sessions: [session("b")] }),
  ]);
  expect(joined).toMatchObject({ heldBytes: 11, bytesIn: 22, bytesOut: 33, counts: counts(11) });
  expect(joined.sessions.map(({ id }) => id)).toEqual(["a", "b"]);
});

test("a way is unused by the carriers of all shards that lack it, of the carriers of all", () => {
  const lacks = (lacking: number, repairs: number): ShardReport["unused"] => [
    { way: "lte", localAddress: "192.0.2.1", lacking, carriers: 3, repairs },
  ];
  const joined = joinReports([
    report({ sessions: [session("a")], unused: lacks(1, 4) }),
    report({ sessions: [session("b")], unused: lacks(2, 3) }),
    report({ sessions: [session("c")] }),
  ]);
  expect(joined.unused).toEqual([
    { way: "lte", localAddress: "192.0.2.1", lacking: 3, carriers: 9, repairs: 4 },
  ]);
});

test("there is trouble where all shards have some", () => {
  const trouble = (what: string | null): ShardReport => report({ trouble: what });
  expect(joinReports([trouble("no way"), trouble(null)]).trouble).toBeNull();
  expect(joinReports([trouble("no way"), trouble("other")]).trouble).toBe("no way");
  expect(joinReports([]).trouble).toBeNull();
});

test("a way fares as well as it does for the shard that gets through best", () => {
  const figures: WayFigures = {
    health: "unknown",
    tcp: "unknown",
    probes: "unknown",
    heardMs: null,
    unanswered: 0,
    loss: { probes: 10, lost: 1 },
    rttMs: null,
    jitterMs: null,
  };
  const ways = (health: Health) => [
    { way: "fibre", ...figures, health },
    { way: "lte", ...figures },
  ];
  const joined = joinReports([report({ ways: ways("dead") }), report({ ways: ways("suspect") }), report()]);
  const loss = { probes: 20, lost: 2 };
  expect(joined.ways).toEqual([
    { way: "fibre", ...figures, loss, health: "suspect" },
    { way: "lte", ...figures, loss },
  ]);
});

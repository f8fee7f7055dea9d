import { describe, expect, test } from "vitest";
import type { CarrierReport, DataReport } from "../control/messages.ts";
import { bondingProblems } from "./bonding.ts";

const ADDRESSES = { fibre: "192.168.1.2", lte: "192.168.8.2" } as const;
type Wan = keyof typeof ADDRESSES;

const carrier = (number: number, mptcp: boolean, ...wans: readonly Wan[]): CarrierReport => ({
  number,
  transport: "mptcp",
  mptcp,
  way: wans[0] ?? null,
  draining: false,
  flows: 0,
  queuedBytes: 0,
  ageMs: 60_000,
  bytesIn: 0,
  bytesOut: 0,
  subflows: wans.map((wan) => ({
    local: `${ADDRESSES[wan]}:1`,
    localAddress: ADDRESSES[wan],
    remote: "203.0.113.10:443",
    rttMs: 20,
    established: true,
    silentMs: 20,
    unansweredMs: 0,
    bytesIn: 0,
    bytesOut: 0,
  })),
});

const quiet = { wasUp: true, outageMs: null, graceLeftMs: null, parked: 0, bulk: 0, peerLeaves: false };

const problems = (carriers: CarrierReport[], unused: DataReport["unused"] = []) =>
  bondingProblems({
    pid: 1,
    rssBytes: 0,
    heldBytes: 0,
    limitBytes: 0,
    sessions: [{ id: "00", peer: "server", label: "server", ageMs: 60_000, flows: 0, carriers, ...quiet }],
    counts: { opened: 0, refused: 0, reset: 0, moved: 0, carriersLost: 0 },
    bytesIn: 0,
    bytesOut: 0,
    intercepting: null,
    enrolments: [],
    unused,
    ways: [],
    trouble: null,
  });

test("all is well while carriers use all WANs, and nothing is told of a data process that is gone", () => {
  expect(problems([carrier(1, true, "fibre", "lte")])).toEqual([]);
  expect(bondingProblems(undefined)).toEqual([]);
});

describe("a WAN that carriers lack is told", () => {
  const unused = (repairs: number) => ({
    way: "fibre",
    localAddress: ADDRESSES.fibre,
    lacking: 1,
    carriers: 2,
    repairs,
  });

  test("with what is done about it", () => {
    expect(problems([carrier(1, true, "lte"), carrier(2, true, "fibre", "lte")], [unused(2)])).toEqual([
      {
        code: "wan-unused",
        message: "WAN fibre carries nothing for 1 of 2 carriers: it is being connected anew (attempt 2)",
        remedy: null,
      },
    ]);
  });

  test("and with what a person can do, where that does not help", () => {
    expect(problems([carrier(1, true, "lte")], [unused(3)])).toMatchObject([
      { remedy: expect.stringContaining("modem of fibre") },
    ]);
  });
});

test("a WAN on which MPTCP is stripped is told once, with a remedy; carriers that end do not count", () => {
  const ending = { ...carrier(4, false, "lte"), draining: true };
  const carriers = [carrier(1, false, "fibre"), carrier(2, false, "fibre"), carrier(3, true, "lte"), ending];
  expect(problems(carriers)).toMatchObject([
    {
      code: "mptcp-stripped",
      message: expect.stringMatching(/WAN fibre .* 2 of the carriers/),
      remedy: expect.stringContaining("fibre"),
    },
  ]);
});

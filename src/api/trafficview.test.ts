import { expect, test } from "vitest";
import { FakePlane } from "../../test/relay/fake-plane.ts";
import type { CarrierReport, DataReport } from "../control/messages.ts";
import { TrafficView } from "./trafficview.ts";

const nothing = new FakePlane().report();
const carrier: CarrierReport = {
  number: 1,
  transport: "mptcp",
  mptcp: true,
  way: "fibre",
  draining: false,
  flows: 0,
  queuedBytes: 0,
  ageMs: 0,
  bytesIn: 0,
  bytesOut: 0,
  subflows: [],
};
const quiet = { wasUp: true, outageMs: null, graceLeftMs: null, parked: 0, bulk: 0, peerLeaves: false };
const withSession = (peer: string, id = "s1"): DataReport => ({
  ...nothing,
  sessions: [{ id, peer, label: peer, ageMs: 0, flows: 0, carriers: [carrier], ...quiet }],
});

const view = new TrafficView("in");
const ageAfter = (now: number, report: DataReport | undefined): number | undefined => {
  view.update(now, report, () => null);
  return view.parts.sessions[0]?.state.ageMs;
};

test("a session begins anew when the data process does", () => {
  expect(ageAfter(0, withSession("server:443"))).toBe(0);
  expect(ageAfter(129_000, withSession("server:443"))).toBe(129_000);
  expect(ageAfter(130_000, undefined)).toBeUndefined();
  expect(ageAfter(131_000, withSession("server:443"))).toBe(0);
  expect(ageAfter(132_000, withSession("server:443", "s2"))).toBe(0);
});

test("a session with nobody yet is none", () => {
  expect(ageAfter(0, withSession(""))).toBeUndefined();
});

test("a session without carriers is lost, and tells how long its flows wait; one that never had any is connecting", () => {
  const report = withSession("server:443");
  const outage = (changes: object): DataReport => ({
    ...report,
    sessions: report.sessions.map((session) => ({
      ...session,
      carriers: [],
      outageMs: 2000,
      graceLeftMs: 8000,
      flows: 3,
      parked: 2,
      ...changes,
    })),
  });
  const shown = (changes: object) => {
    view.update(0, outage(changes), () => null);
    return view.parts.sessions[0];
  };
  expect(shown({})).toMatchObject({ state: { name: "lost" }, graceLeftMs: 8000, flows: 3, parked: 2 });
  expect(shown({ flows: 0 })).toMatchObject({ state: { name: "lost" }, graceLeftMs: null });
  expect(shown({ wasUp: false })).toMatchObject({ state: { name: "connecting" }, graceLeftMs: null });
});

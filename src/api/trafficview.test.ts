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
const withSession = (peer: string, id = "s1"): DataReport => ({
  ...nothing,
  sessions: [{ id, peer, label: peer, ageMs: 0, flows: 0, carriers: [carrier] }],
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

import { expect, test } from "vitest";
import { FakePlane } from "../../test/relay/fake-plane.ts";
import type { DataReport } from "../control/messages.ts";
import { Movement } from "./movement.ts";

const ADDRESS = "10.1.0.2";
/** One subflow from that address, with so many bytes both ways, heard of so long ago (ms). */
function report(bytes: number, silentMs: number, rttMs = 16): DataReport {
  const subflow = {
    local: `${ADDRESS}:40000`,
    localAddress: ADDRESS,
    remote: "198.51.100.1:443",
    rttMs,
    established: true,
    silentMs,
    unansweredMs: 0,
    bytesIn: bytes,
    bytesOut: bytes,
  };
  const carrier = {
    number: 1,
    transport: "mptcp" as const,
    mptcp: true,
    way: "fibre",
    draining: false,
    flows: 0,
    queuedBytes: 0,
    ageMs: 1,
    bytesIn: 0,
    bytesOut: 0,
    subflows: [subflow],
  };
  const session = {
    id: "01",
    peer: "p",
    label: "l",
    ageMs: 1,
    wasUp: true,
    outageMs: null,
    graceLeftMs: null,
    flows: 0,
    parked: 0,
    bulk: 0,
    peerLeaves: false,
    carriers: [carrier],
  };
  return { ...new FakePlane().report(), sessions: [session] };
}

test("new bytes were acknowledged when the subflow was last heard", () => {
  const movement = new Movement();
  movement.look(1000, report(500, 10));
  expect(movement.of(1000, [ADDRESS])).toEqual({ ackedMs: undefined, rttMs: 16 });
  movement.look(2000, report(900, 30));
  expect(movement.of(2000, [ADDRESS]).ackedMs).toBe(30);
  movement.look(3000, report(900, 10));
  expect(movement.of(3000, [ADDRESS]).ackedMs).toBe(1030);
});

test("a round trip of a subflow that is silent tells nothing, nor one of another WAN", () => {
  const movement = new Movement();
  movement.look(1000, report(500, 2500));
  expect(movement.of(1000, [ADDRESS]).rttMs).toBeUndefined();
  movement.look(1000, report(500, 10, 40));
  expect(movement.of(1000, [ADDRESS]).rttMs).toBe(40);
  expect(movement.of(1000, ["10.2.0.2"])).toEqual({ ackedMs: undefined, rttMs: undefined });
});

test("what is gone is forgotten", () => {
  const movement = new Movement();
  movement.look(1000, report(500, 10));
  movement.look(2000, report(900, 10));
  movement.look(3000, undefined);
  expect(movement.of(3000, [ADDRESS]).ackedMs).toBeUndefined();
});

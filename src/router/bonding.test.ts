import { expect, test } from "vitest";
import { settle } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { MemoryLog } from "../base/log.ts";
import type { CarrierReport, DataReport } from "../control/messages.ts";
import type { Endpoint } from "../linux/iproute.ts";
import type { WanPath } from "../netplan/paths.ts";
import { Bonding } from "./bonding.ts";

const ADDRESSES = { fibre: "192.168.1.2", lte: "192.168.8.2" } as const;
type Wan = keyof typeof ADDRESSES;
const WANS = ["fibre", "lte"] as const;

const PATHS = WANS.map((name, index): WanPath => ({
  wan: { name, device: name, role: "active" },
  index,
  family: "inet",
  address: {
    family: "inet",
    address: ADDRESSES[name],
    prefixLength: 24,
    scope: "global",
    secondary: false,
    preferred: true,
  },
  gateway: undefined,
  onlink: false,
  twin: false,
}));
const ENDPOINTS = WANS.map((name, index): Endpoint => ({
  id: 200 + index,
  address: ADDRESSES[name],
  flags: ["subflow"],
}));

const carrier = (number: number, mptcp: boolean, ...wans: readonly Wan[]): CarrierReport => ({
  number,
  transport: "mptcp",
  mptcp,
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
const report = (...carriers: CarrierReport[]): DataReport => ({
  pid: 1,
  rssBytes: 0,
  heldBytes: 0,
  limitBytes: 0,
  sessions: [{ id: "00", peer: "server", label: "server", ageMs: 60_000, flows: 0, carriers }],
  counts: { opened: 0, refused: 0, reset: 0 },
  bytesIn: 0,
  bytesOut: 0,
  intercepting: null,
  enrolments: [],
  trouble: null,
});

function world(errors: readonly SennitError[] = []) {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const renewed: string[] = [];
  const reconciler = {
    renewEndpoint: async (address: string) => {
      renewed.push(address);
      return errors;
    },
  };
  const bonding = new Bonding({ reconciler, clock, log });
  const look = (...carriers: CarrierReport[]): void => bonding.look(report(...carriers), PATHS, ENDPOINTS);
  return { clock, log, renewed, bonding, look };
}

test("a WAN that carriers lack is connected anew, logged with a count and told", async () => {
  const { clock, log, renewed, bonding, look } = world();
  const half = [carrier(1, true, "lte"), carrier(2, true, "lte")];
  look(...half);
  expect(bonding.problems).toEqual([]);
  clock.advance(3000);
  look(...half);
  expect(bonding.problems).toEqual([
    {
      code: "wan-unused",
      message: "WAN fibre carries nothing for 2 of 2 carriers: it is being connected anew (attempt 1)",
      remedy: null,
    },
  ]);
  for (const pause of [3000, 10_000]) {
    clock.advance(pause);
    look(...half);
  }
  expect(bonding.problems).toMatchObject([{ remedy: expect.stringContaining("modem of fibre") }]);
  await settle();
  expect(renewed).toEqual([ADDRESSES.fibre, ADDRESSES.fibre, ADDRESSES.fibre]);
  expect(log.lines.map(({ level, fields }) => [level, fields["wan"], fields["repairs"]])).toEqual(
    [1, 2, 3].map((repairs) => ["warn", "fibre", repairs]),
  );
  look(carrier(1, true, "fibre", "lte"));
  expect(bonding.problems).toEqual([]);
});

test("one that others use waits, and says so", async () => {
  const { clock, renewed, bonding, look } = world();
  const mixed = [carrier(1, true, "lte"), carrier(2, true, "fibre", "lte")];
  look(...mixed);
  clock.advance(60_000);
  look(...mixed);
  await settle();
  expect(renewed).toEqual([]);
  expect(bonding.problems).toMatchObject([
    { code: "wan-unused", message: expect.stringContaining("WAN fibre carries nothing for 1 of 2 carriers") },
  ]);
});

test("what the kernel refused is logged", async () => {
  const { clock, log, look } = world([new SennitError("kernel", "endpoint-not-ours", "another's")]);
  look(carrier(1, true, "lte"));
  clock.advance(3000);
  look(carrier(1, true, "lte"));
  await settle();
  expect(log.lines.at(-1)).toMatchObject({
    level: "error",
    fields: { wan: "fibre", code: "endpoint-not-ours" },
  });
});

test("a WAN on which MPTCP is stripped is told once, with a remedy, and not repaired", async () => {
  const { clock, renewed, bonding, look } = world();
  const carriers = [carrier(1, false, "fibre"), carrier(2, false, "fibre"), carrier(3, true, "lte")];
  look(...carriers);
  clock.advance(60_000);
  look(...carriers);
  await settle();
  expect(renewed).toEqual([]);
  expect(bonding.problems).toMatchObject([
    {
      code: "mptcp-stripped",
      message: expect.stringMatching(/WAN fibre .* 2 of the carriers/),
      remedy: expect.stringContaining("fibre"),
    },
  ]);
});

test("nothing is told of a data process that is gone", () => {
  const { bonding, look } = world();
  look(carrier(1, false, "fibre"));
  bonding.look(undefined, PATHS, ENDPOINTS);
  expect(bonding.problems).toEqual([]);
});

import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Door, PIN, SERVER } from "../../test/relay/door.ts";
import { settle, until } from "../../test/relay/until.ts";
import { MemoryLog } from "../base/log.ts";
import type { Way } from "../wan/subflows.ts";
import { WindowBudget } from "./budget.ts";
import { CarrierPool, type PoolTarget } from "./pool.ts";
import { Session } from "./session.ts";

/**
 *   router  fibre 192.0.2.11 ---+
 *             lte 192.0.2.12 ---+--- server 192.0.2.2:443
 *          stick0 192.0.2.13 ---+
 *          stick1 192.0.2.13 ---+
 */
const FIBRE: Way = { name: "fibre", localAddress: "192.0.2.11", backup: false };
const LTE: Way = { name: "lte", localAddress: "192.0.2.12", backup: false };
const STICK: Way = { name: "stick", localAddress: "192.0.2.13", backup: false };
const TWIN: Way = { name: "twin", localAddress: "192.0.2.13", backup: false, device: "stick1" };
const NAME = { host: "vpn.example.net", port: 443 };
const HOUR_MS = 3_600_000;

let door: Door;
let session: Session;
let pool: CarrierPool;
let addresses: readonly string[];
let lookups: number;
let best: string | undefined;
let lacking: readonly string[];
let bulkFlows: number;
let numbers: number;
const log = new MemoryLog();

beforeEach(async () => {
  door = new Door();
  await door.open();
  addresses = [SERVER.address];
  [lookups, best, lacking, bulkFlows, numbers] = [0, undefined, [], 0, 0];
  log.lines.length = 0;
  const { clock, network, router } = door;
  session = new Session({
    id: randomBytes(16),
    dialled: true,
    clock,
    log,
    budget: new WindowBudget(1024 * 1024),
    maxFlows: 10,
    onOpen: () => undefined,
    onCarriers: () => pool.fill(),
  });
  Object.defineProperty(session, "bulkFlows", { get: () => bulkFlows });
  pool = new CarrierPool({
    session,
    sockets: network.host("home", {
      addresses: [FIBRE.localAddress, LTE.localAddress, STICK.localAddress],
      devices: { stick1: [TWIN.localAddress] },
    }),
    privateKey: router.key,
    invite: undefined,
    pin: PIN,
    nextNumber: () => ++numbers,
    resolve: async (host) => {
      lookups++;
      return host === NAME.host ? addresses : [host];
    },
    bestWay: () => best,
    lackingWays: () => lacking,
    clock,
    log,
  });
});
afterEach(async () => {
  pool.stop();
  session.close();
  door.acceptor.stop();
  for (const way of [FIBRE, LTE, STICK]) door.network.setReachability(way.localAddress, "reachable");
  door.clock.advance(20_000);
  await until("all connections are closed", () => door.network.links.length === 0);
});

const target = (changes: Partial<PoolTarget> = {}): PoolTarget => ({
  endpoints: [NAME],
  ways: [FIBRE, LTE],
  size: { warm: 4, most: 8 },
  ...changes,
});
const sized = (warm: number, most = 8): Pick<PoolTarget, "size"> => ({ size: { warm, most } });
const begin = (changes: Partial<PoolTarget> = {}): void => {
  pool.start();
  pool.update(target(changes));
};
const carriersUp = (count: number): Promise<void> =>
  until(`${count} carriers are up`, () => session.carriers.size === count);
/** The ways on which carriers were begun that take flows. */
const ways = (): (string | undefined)[] =>
  [...session.carriers].filter(({ draining }) => !draining).map(({ way }) => way);
const counted = (): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const way of ways()) counts[way ?? ""] = (counts[way ?? ""] ?? 0) + 1;
  return counts;
};
const failures = (): unknown[] =>
  log.lines
    .filter(({ level, message }) => level === "warn" && message === "carrier not established")
    .map(({ fields }) => fields["code"]);
/** Lets time pass in steps, with all that happens meanwhile. */
const pass = async (ms: number, stepMs = 25): Promise<void> => {
  for (let passed = 0; passed < ms; passed += stepMs) {
    door.clock.advance(Math.min(stepMs, ms - passed));
    await settle(8);
  }
};
/** Time passes for so long as it takes. */
const passUntil = async (what: string, happened: () => boolean, limitMs: number): Promise<number> => {
  for (let passed = 0; passed <= limitMs; passed += 25) {
    await settle(30);
    if (happened()) return passed;
    door.clock.advance(25);
  }
  throw new Error(`not within ${limitMs} ms: ${what}`);
};

describe("the pool", () => {
  test("dials as many carriers as it should keep, and no more", async () => {
    begin();
    await carriersUp(4);
    await settle();
    expect([...session.carriers].map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(door.network.links).toHaveLength(4);
    expect(pool.lastError).toBeUndefined();
  });

  test("dials nothing without a way or an endpoint", async () => {
    begin({ ways: [] });
    pool.update(target({ endpoints: [] }));
    await pass(5000, 500);
    expect(door.network.links).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  test("begins on the best way, and on a backup only where there is no other", async () => {
    best = "lte";
    begin();
    await carriersUp(4);
    expect(counted()).toEqual({ lte: 4 });
    for (const carrier of session.carriers) carrier.close();
    await carriersUp(0);
    pool.update(target({ ways: [FIBRE, { ...LTE, backup: true }] }));
    await carriersUp(4);
    expect(counted()).toEqual({ fibre: 4 });
  });

  test("replaces at once what is lost", async () => {
    begin();
    await carriersUp(4);
    await pass(6000, 500);
    door.network.links[0]?.cut();
    await until("one is lost", () => log.lines.some(({ message }) => message === "carrier lost"));
    await carriersUp(4);
    expect([...session.carriers].map(({ number }) => number)).toEqual([2, 3, 4, 5]);
  });

  test("pauses before it replaces what is lost as soon as it is up, longer each time", async () => {
    begin(sized(1));
    for (const pauseMs of [250, 500, 1000]) {
      await carriersUp(1);
      door.network.links[0]?.cut();
      await carriersUp(0);
      door.clock.advance(pauseMs - 1);
      await settle();
      expect(session.carriers.size).toBe(0);
      door.clock.advance(1);
    }
    await carriersUp(1);
  });

  test("does nothing any more once stopped, whatever is under way", async () => {
    begin();
    await until("dials are under way", () => door.network.links.length > 0);
    pool.stop();
    await settle(200);
    door.clock.advance(60_000);
    await settle();
    expect(session.carriers.size).toBe(0);
    expect(failures()).toEqual([]);
  });
});

describe("a race", () => {
  test("goes to the next way when the first swallows everything for 200 ms", async () => {
    door.network.setReachability(FIBRE.localAddress, "silent");
    begin(sized(2));
    await settle();
    await pass(175);
    expect(session.carriers.size).toBe(0);
    await pass(25);
    await carriersUp(2);
    expect(counted()).toEqual({ lte: 2 });
    // And to the one that works first, once that is known.
    await pass(5000, 500);
    door.network.links[0]?.cut();
    await carriersUp(1);
    await carriersUp(2);
    expect(failures()).toEqual([]);
  });

  test("goes to the next at once where one is known not to work", async () => {
    begin({ ...sized(1), ways: [{ ...FIBRE, localAddress: "192.0.2.99" }, LTE] });
    await carriersUp(1);
    expect(ways()).toEqual(["lte"]);
    expect(failures()).toEqual(["EADDRNOTAVAIL"]);
  });

  test("tries all addresses of a name, and all endpoints", async () => {
    addresses = ["192.0.2.98"];
    begin({ ...sized(1), endpoints: [{ host: "192.0.2.99", port: 443 }, NAME], ways: [LTE] });
    await until("the first two are not there", () => log.lines.length === 1);
    addresses = ["192.0.2.98", SERVER.address];
    await passUntil("the third is found", () => session.carriers.size === 1, 32_000);
    expect([...session.carriers][0]?.remote).toEqual(SERVER);
    expect(failures()).toEqual(["EHOSTUNREACH"]);
  });

  test("tells where the server has no address that a WAN can reach", async () => {
    addresses = ["2001:db8::2"];
    begin();
    await pass(100);
    expect(pool.lastError).toMatchObject({ code: "no-address" });
  });

  test("gives up a server that accepts and says nothing, and comes again after a pause", async () => {
    const mute = door.network.host("mute", { addresses: ["192.0.2.9"] });
    await mute.listen({ transport: "mptcp", local: { address: "192.0.2.9", port: 443 } }, ({ stream }) => {
      stream
        .on("error", () => undefined)
        .on("end", () => stream.end())
        .resume();
    });
    addresses = ["192.0.2.9"];
    begin({ ...sized(1), ways: [FIBRE] });
    await until("it is connected", () => door.network.links.length === 1);
    await pass(5000, 250);
    expect(failures()).toEqual(["ETIMEDOUT"]);
    expect(pool.lastError).toMatchObject({ causeClass: "network", code: "ETIMEDOUT" });
  });

  test("does not hammer a server that turns it away", async () => {
    door.admission.update({ routers: [], invites: [] });
    begin();
    await until("it is turned away", () => door.refusals.length > 0);
    await pass(60_000, 250);
    // Two ways, pauses of 0.25, 0.5, 1, 2, 4, 8, 10, 10, ... s.
    expect(door.refusals.length).toBeGreaterThan(12);
    expect(door.refusals.length).toBeLessThan(26);
    expect(pool.lastError).toMatchObject({ code: "hello-unknown-router" });
    expect(failures()).toEqual(["hello-unknown-router", "hello-unknown-router"]);
  });
});

describe("an outage", () => {
  const silence = (on: boolean): void =>
    [FIBRE, LTE].forEach(({ localAddress }) =>
      door.network.setReachability(localAddress, on ? "silent" : "reachable"),
    );

  test("is over 250 ms after any way is back, whatever the carriers from before do", async () => {
    begin();
    await carriersUp(4);
    await pass(6000, 500);
    const before = new Set(session.carriers);
    silence(true);
    for (const carrier of session.carriers) carrier.ping();
    await pass(30_000, 50);
    door.network.setReachability(LTE.localAddress, "reachable");
    // The old ones stay frozen, as if every NAT had forgotten them.
    for (const link of door.network.links) link.freeze();
    const fresh = (): boolean => [...session.carriers].some((carrier) => !before.has(carrier));
    expect(await passUntil("a fresh one is up", fresh, 2000)).toBeLessThanOrEqual(250);
    // And what was silent for so long is given up in the same instant.
    expect([...session.carriers].filter((carrier) => before.has(carrier))).toEqual([]);
    await passUntil("the pool is full", () => session.carriers.size === 4, 1000);
  });

  test("is noticed within half a second by whoever says something, and by nobody who does not", async () => {
    begin();
    await carriersUp(4);
    await pass(6000, 500);
    for (const link of door.network.links) link.freeze();
    await pass(5000, 50);
    expect(session.carriers.size).toBe(4);
    const before = new Set(session.carriers);
    for (const carrier of before) carrier.ping();
    const gone = (): boolean => [...before].every(({ closed }) => closed);
    expect(await passUntil("all are given up", gone, 5000)).toBeLessThanOrEqual(500);
    await carriersUp(4);
    expect(log.lines.some(({ fields }) => String(fields["why"]).includes("nothing heard"))).toBe(true);
  });

  test("costs every NAT a handful of entries, however long it lasts", async () => {
    begin();
    await carriersUp(4);
    silence(true);
    const ports = new Set<string>();
    const tried = door.network.tried;
    const from = tried.length;
    for (const carrier of session.carriers) carrier.ping();
    await pass(130_000, 50);
    const attempts = tried.slice(from);
    for (const { address, port } of attempts) ports.add(`${address} ${port}`);
    // Two ways, four a second for two minutes.
    expect(attempts.length).toBeGreaterThan(900);
    expect(ports.size).toBeLessThan(2 * 20);
  });

  test("calls nobody lost while one of several ways is silent, but gives plain carriers there up", async () => {
    door.network.stripMptcp = true;
    begin();
    await passUntil(
      "both ways have carriers",
      () => counted()["lte"] === 2 && counted()["fibre"] === 2,
      3000,
    );
    await pass(6000, 500);
    door.network.setReachability(LTE.localAddress, "silent");
    for (const carrier of session.carriers) carrier.ping();
    await passUntil("those over lte are given up", () => counted()["lte"] === undefined, 1000);
    expect(counted()).toEqual({ fibre: 2 });
    door.network.setReachability(LTE.localAddress, "reachable");
    await passUntil("they are back", () => counted()["lte"] === 2, 1500);
  });

  test("ends at once for who is told that a way is back", async () => {
    begin(sized(1));
    await carriersUp(1);
    silence(true);
    for (const carrier of session.carriers) carrier.ping();
    await pass(700_000, 1000);
    silence(false);
    expect(session.carriers.size).toBe(0);
    pool.retryNow("lte");
    await carriersUp(1);
  });
});

describe("names", () => {
  test("are looked up again while carriers are dialled, and the old answer stands meanwhile", async () => {
    begin(sized(1));
    await carriersUp(1);
    await pass(60_000, 1000);
    const before = lookups;
    addresses = [];
    for (const carrier of session.carriers) carrier.close();
    await carriersUp(0);
    await carriersUp(1);
    expect(lookups).toBe(before + 1);
    expect(pool.remoteFor(LTE.localAddress)).toEqual(SERVER);
  });
});

describe("ways that stand alone", () => {
  test("have carriers of their own: by their device, where another has their address", async () => {
    begin({ ways: [STICK, TWIN] });
    await carriersUp(4);
    expect(counted()).toEqual({ stick: 2, twin: 2 });
    const plain = door.network.links.filter(({ mptcp }) => !mptcp);
    expect(plain.map(({ device, client }) => [device, client.address])).toEqual(
      Array.from({ length: 2 }, () => ["stick1", TWIN.localAddress]),
    );
  });

  test("or where something takes MPTCP out, until it does not", async () => {
    door.network.stripMptcp = true;
    begin();
    await passUntil("each has two", () => counted()["fibre"] === 2 && counted()["lte"] === 2, 3000);
    door.network.stripMptcp = false;
    // The next one over each way finds out.
    await pass(6000, 500);
    for (const carrier of session.carriers) carrier.close(new Error("lost"));
    await passUntil("there are four again", () => session.carriers.size === 4, 3000);
    await pass(6000, 500);
    expect([...session.carriers].filter(({ plain, draining }) => plain && !draining)).toEqual([]);
  });

  test("a way that carriers lack is tried by itself", async () => {
    best = "fibre";
    begin();
    await carriersUp(4);
    expect(counted()).toEqual({ fibre: 4 });
    lacking = ["lte"];
    await passUntil("one was begun there", () => ways().includes("lte"), 2000);
  });

  test("plain carriers are left when their WAN is gone", async () => {
    begin({ ways: [STICK, TWIN] });
    await carriersUp(4);
    pool.update(target({ ways: [STICK] }));
    await until("only the others are left", () => counted()["twin"] === undefined);
    await passUntil("and as many as there should be", () => session.carriers.size === 4, 1000);
    expect(counted()).toEqual({ stick: 4 });
  });
});

describe("the number of carriers", () => {
  test("grows with bulk up to its limit, and shrinks slowly afterwards", async () => {
    begin();
    await carriersUp(4);
    bulkFlows = 5;
    await passUntil("there are more", () => session.carriers.size === 7, 3000);
    bulkFlows = 50;
    await passUntil("there are more", () => session.carriers.size === 8, 3000);
    await pass(5000, 500);
    expect(session.carriers.size).toBe(8);
    bulkFlows = 0;
    await pass(55_000, 500);
    expect(ways()).toHaveLength(8);
    await pass(60_000, 500);
    expect(ways()).toHaveLength(4);
  });

  test("is bounded with what was closed, as long as NATs remember it", async () => {
    begin(sized(4, 8));
    await carriersUp(4);
    for (let losses = 0; losses < 15; losses++) {
      await pass(6000, 50);
      for (const carrier of [...session.carriers].slice(1)) carrier.close(new Error("lost"));
    }
    // Six entries for each of the 8 that there may be, in two minutes; the probes have one.
    expect(door.network.tried).toHaveLength(6 * 8 - 1);
    expect(session.carriers.size).toBe(1);
    await pass(120_000, 500);
    await passUntil("there are enough again", () => session.carriers.size === 4, 2000);
  });

  test("does not suffer from renewal: old ones go one at a time", async () => {
    begin();
    await carriersUp(4);
    const old = new Set(session.carriers);
    // The clock jumps; without a sign of life the carriers would be dead.
    for (let quarter = 1; quarter < HOUR_MS / 15_000; quarter++) {
      door.clock.advance(15_000);
      for (const carrier of session.carriers) carrier.ping();
      await settle(8);
    }
    expect([...session.carriers].every((carrier) => old.has(carrier))).toBe(true);
    for (let second = 0; second < 30; second++) {
      await pass(1000, 50);
      expect(ways().length).toBeGreaterThanOrEqual(4);
      expect(session.carriers.size).toBeLessThanOrEqual(6);
    }
    await carriersUp(4);
    expect([...session.carriers].filter((carrier) => old.has(carrier))).toEqual([]);
    expect(log.lines.filter(({ message }) => message === "carrier lost")).toEqual([]);
  });
});

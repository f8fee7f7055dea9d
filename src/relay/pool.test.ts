import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Door, PIN, SERVER } from "../../test/relay/door.ts";
import { settle, until } from "../../test/relay/until.ts";
import { MemoryLog } from "../base/log.ts";
import { WindowBudget } from "./budget.ts";
import { CarrierPool, type PoolTarget } from "./pool.ts";
import { Session } from "./session.ts";

/**
 *   router  fibre 192.0.2.11 ---+
 *             lte 192.0.2.12 ---+--- server 192.0.2.2:443
 */
const FIBRE = { name: "fibre", localAddress: "192.0.2.11" };
const LTE = { name: "lte", localAddress: "192.0.2.12" };
const NAME = { host: "vpn.example.net", port: 443 };
const HOUR_MS = 3_600_000;

let door: Door;
let session: Session;
let pool: CarrierPool;
let addresses: readonly string[];
const log = new MemoryLog();

beforeEach(async () => {
  door = new Door();
  await door.open();
  addresses = [SERVER.address];
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
  pool = new CarrierPool({
    session,
    sockets: network.host("home", { addresses: [FIBRE.localAddress, LTE.localAddress] }),
    privateKey: router.key,
    invite: undefined,
    pin: PIN,
    resolve: async (host) => (host === NAME.host ? addresses : [host]),
    clock,
    log,
  });
});
afterEach(async () => {
  pool.stop();
  session.close();
  await door.close();
  door.clock.advance(20_000);
  await until("all connections are closed", () => door.network.links.length === 0);
});

const target = (changes: Partial<PoolTarget> = {}): PoolTarget => ({
  endpoints: [NAME],
  ways: [FIBRE, LTE],
  size: 4,
  ...changes,
});
const carriersUp = (count: number): Promise<void> =>
  until(`${count} carriers are up`, () => session.carriers.size === count);
const ways = (): string[] =>
  [...session.carriers].map(({ local }) => (local.address === FIBRE.localAddress ? "fibre" : "lte")).sort();
const failures = (): number =>
  log.lines.filter(({ message }) => message === "carrier not established").length;

describe("the pool", () => {
  test("dials as many carriers as it should keep, over all ways, and no more", async () => {
    pool.start();
    pool.update(target());
    await carriersUp(4);
    await settle();
    expect(ways()).toEqual(["fibre", "fibre", "lte", "lte"]);
    expect(new Set([...session.carriers].map(({ number }) => number))).toEqual(new Set([1, 2, 3, 4]));
    expect(door.network.links).toHaveLength(4);
    expect(pool.lastError).toBeUndefined();
  });

  test("dials nothing without a way or an endpoint", async () => {
    pool.start();
    pool.update(target({ ways: [] }));
    pool.update(target({ endpoints: [] }));
    await settle();
    expect(door.network.links).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  test("replaces at once what is lost", async () => {
    pool.start();
    pool.update(target());
    await carriersUp(4);
    door.clock.advance(6000);
    door.network.links[0]?.cut();
    await until("one is lost", () => log.lines.some(({ message }) => message === "carrier lost"));
    await carriersUp(4);
    expect(new Set([...session.carriers].map(({ number }) => number))).toEqual(new Set([2, 3, 4, 5]));
  });

  test("pauses before it replaces what is lost as soon as it is up, longer each time", async () => {
    pool.start();
    pool.update(target({ size: 1 }));
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

  test("goes on over the way that works while the other swallows everything", async () => {
    door.network.setReachability(FIBRE.localAddress, "silent");
    pool.start();
    pool.update(target({ size: 2 }));
    await carriersUp(1);
    expect(ways()).toEqual(["lte"]);
    door.clock.advance(5000);
    await until("the dial is given up", () => failures() === 1);
    expect(log.lines.at(-1)?.fields).toMatchObject({ way: "fibre", code: "ETIMEDOUT" });
    // The way that failed has its turn once more, then the other.
    door.clock.advance(250);
    await settle();
    door.clock.advance(5000);
    await until("the dial is given up", () => failures() === 2);
    door.clock.advance(500);
    await carriersUp(2);
    expect(ways()).toEqual(["lte", "lte"]);
  });

  test("waits longer and longer for a server that is not there, and not at all for news", async () => {
    door.network.setReachability(SERVER.address, "unreachable");
    pool.start();
    pool.update(target());
    await until("both dials have failed", () => failures() === 2);
    expect(pool.lastError).toMatchObject({ code: "EHOSTUNREACH" });
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) {
      const before = failures();
      let pause = 0;
      while (failures() === before) {
        door.clock.advance(50);
        pause += 50;
        await settle(5);
        expect(pause).toBeLessThanOrEqual(10_000);
      }
      pauses.push(pause);
    }
    expect(pauses[0]).toBeLessThanOrEqual(500);
    expect(pauses.slice(1).every((pause, index) => pause >= (pauses[index] ?? 0))).toBe(true);
    expect(pauses.at(-1)).toBe(10_000);
    const before = failures();
    door.network.setReachability(SERVER.address, "reachable");
    pool.update(target());
    await carriersUp(4);
    expect(failures()).toBe(before);
    expect(pool.lastError).toBeUndefined();
  });

  test("does not hammer a server that turns it away", async () => {
    door.admission.update({ routers: [], invites: [] });
    pool.start();
    pool.update(target());
    await until("it is turned away", () => failures() === 2);
    await settle(200);
    expect(failures()).toBe(2);
    expect(pool.lastError).toMatchObject({ code: "hello-unknown-router" });
  });

  test("gives up a server that accepts and says nothing", async () => {
    const mute = door.network.host("mute", { addresses: ["192.0.2.9"] });
    await mute.listen({ transport: "mptcp", local: { address: "192.0.2.9", port: 443 } }, ({ stream }) => {
      stream
        .on("error", () => undefined)
        .on("end", () => stream.end())
        .resume();
    });
    addresses = ["192.0.2.9"];
    pool.start();
    pool.update(target({ size: 1 }));
    await until("it is connected", () => door.network.links.length === 1);
    door.clock.advance(5000);
    await until("the dial is given up", () => failures() === 1);
    expect(pool.lastError).toMatchObject({ causeClass: "network", code: "ETIMEDOUT" });
  });

  test("tries all addresses of a name, and tells where none fits the way", async () => {
    addresses = ["192.0.2.99", SERVER.address];
    pool.start();
    pool.update(target({ ways: [LTE], size: 1 }));
    await until("the first does not answer", () => failures() === 1);
    door.clock.advance(250);
    await carriersUp(1);
    door.clock.advance(6000);
    addresses = ["2001:db8::2"];
    door.network.links[0]?.cut();
    await until("no address fits", () => failures() === 2);
    expect(pool.lastError).toMatchObject({ code: "no-address" });
  });

  test("tries all endpoints in turn", async () => {
    pool.start();
    pool.update(target({ endpoints: [{ host: "192.0.2.99", port: 443 }, NAME], ways: [FIBRE], size: 1 }));
    await until("the first does not answer", () => failures() === 1);
    expect(pool.lastError).toMatchObject({ code: "EHOSTUNREACH" });
    door.clock.advance(250);
    await carriersUp(1);
    expect(pool.lastError).toBeUndefined();
  });

  test("renews old carriers, one at a time", async () => {
    pool.start();
    pool.update(target());
    await carriersUp(4);
    const old = new Set(session.carriers);
    // The clock jumps; without a sign of life the carriers would be dead.
    for (let minute = 0; minute <= HOUR_MS / 15_000; minute++) {
      door.clock.advance(15_000);
      for (const carrier of session.carriers) carrier.send({ kind: "ping", nonce: 0 });
      await settle(8);
      const draining = [...session.carriers].filter((carrier) => carrier.draining).length;
      expect(draining).toBeLessThanOrEqual(1);
    }
    for (let second = 0; second < 20; second++) {
      door.clock.advance(1000);
      await settle(20);
      const kept = [...session.carriers].filter((carrier) => !carrier.draining).length;
      expect(kept).toBeGreaterThanOrEqual(3);
    }
    await carriersUp(4);
    expect([...session.carriers].filter((carrier) => old.has(carrier))).toEqual([]);
    expect(log.lines.filter(({ message }) => message === "carrier lost")).toEqual([]);
  });

  test("does nothing any more once stopped, whatever is under way", async () => {
    pool.start();
    pool.update(target());
    await until("dials are under way", () => door.network.links.length > 0);
    pool.stop();
    await settle(200);
    door.clock.advance(60_000);
    await settle();
    expect(session.carriers.size).toBe(0);
    expect(failures()).toBe(0);
  });
});

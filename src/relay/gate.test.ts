import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Joined, type Peer } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import { Gate } from "./gate.ts";
import { SessionInlet } from "./inlet.ts";
import type { InterceptPorts } from "./intercept.ts";

/**
 *   client 10.0.0.2 ---- gate (transparent, on loopback) ==== peer         web 198.51.100.1 (directly)
 */
const WEB = { address: "198.51.100.1", port: 80 };

let world: Joined;
let gate: Gate;
let client: Sockets;
let router: Sockets;
let changes: (InterceptPorts | null)[];
let direct: number;

beforeEach(async () => {
  world = new Joined();
  const { network, clock, log, far: session } = world;
  router = network.host("gate", { addresses: ["10.0.0.1"] });
  client = network.host("client", { addresses: ["10.0.0.2"], gateway: "gate" });
  const web = network.host("web", { addresses: [WEB.address] });
  direct = 0;
  await web.listen({ transport: "tcp", local: WEB }, ({ stream }) => {
    direct++;
    stream.on("error", () => undefined).resume();
  });
  changes = [];
  gate = new Gate({
    inlet: new SessionInlet(session, log),
    sockets: router,
    clock,
    log,
    onChange: () => changes.push(gate.ports),
  });
});
afterEach(() => gate.stop());

async function carrierUp(): Promise<Peer> {
  const peer = await world.peer();
  gate.consider();
  return peer;
}

async function lose(peer: Peer): Promise<void> {
  peer.connection.reset();
  await until("it is lost", () => world.far.carriers.size === 0);
  gate.consider();
}

async function connect(): Promise<Connection> {
  const connection = await client.dial({ transport: "tcp", remote: WEB, timeoutMs: 1000 });
  connection.stream.on("error", () => undefined);
  return connection;
}

describe("the gate", () => {
  test("opens with the first carrier, and connections become flows to where they wanted to go", async () => {
    expect(gate.ports).toBeNull();
    await connect();
    expect(direct).toBe(1);
    const peer = await carrierUp();
    await until("it is open", () => gate.ports !== null);
    expect(changes).toEqual([gate.ports]);
    await connect();
    await until("the peer is asked", () => peer.heard("open").length === 1);
    expect(peer.heard("open")[0]).toMatchObject({ flow: 2, target: WEB });
    expect(direct).toBe(1);
  });

  test("closes two seconds after the last carrier is gone, and opens again on the same ports", async () => {
    const peer = await carrierUp();
    await until("it is open", () => gate.ports !== null);
    const ports = gate.ports;
    await lose(peer);
    world.clock.advance(1999);
    await settle();
    expect(gate.ports).toEqual(ports);
    world.clock.advance(1);
    await until("it is closed", () => gate.ports === null);
    await connect();
    expect(direct).toBe(1);
    await carrierUp();
    await until("it is open again", () => gate.ports !== null);
    expect(changes).toEqual([ports, null, ports]);
  });

  test("closes at once when the peer does not answer who waits for it", async () => {
    const peer = await carrierUp();
    await until("it is open", () => gate.ports !== null);
    await connect();
    await until("the peer is asked", () => peer.heard("open").length === 1);
    for (let ms = 0; ms < 2500; ms += 250) world.clock.advance(250);
    expect(peer.theirs.closed).toBe(false);
    gate.consider();
    await until("it is closed", () => gate.ports === null);
  });

  test("stays open when a carrier is back in time", async () => {
    await lose(await carrierUp());
    world.clock.advance(1500);
    await carrierUp();
    world.clock.advance(10_000);
    await settle();
    expect(changes).toHaveLength(1);
    expect(gate.ports).not.toBeNull();
  });

  test("resets a connection that comes while there is no carrier, before it closes", async () => {
    await lose(await carrierUp());
    const connection = await connect();
    await until("the client sees it", () => connection.stream.destroyed);
    expect(direct).toBe(0);
  });

  test("listens where the kernel's rules point to already", async () => {
    gate.prefer({ v4: 40_001, v6: 40_002 });
    gate.prefer(null);
    await carrierUp();
    await until("it is open", () => gate.ports !== null);
    expect(gate.ports).toEqual({ v4: 40_001, v6: 40_002 });
  });

  test("takes other ports where somebody has one of them", async () => {
    await router.listen({ transport: "tcp", local: { address: "::1", port: 40_002 } }, () => undefined);
    gate.prefer({ v4: 40_001, v6: 40_002 });
    await carrierUp();
    await until("it is open", () => gate.ports !== null);
    expect(gate.ports?.v6).not.toBe(40_002);
    // The first one was not kept open by the failure.
    await router.listen({ transport: "tcp", local: { address: "127.0.0.1", port: 40_001 } }, () => undefined);
  });

  test("once stopped stays closed", async () => {
    const peer = await carrierUp();
    await until("it is open", () => gate.ports !== null);
    await gate.stop();
    expect(gate.ports).toBeNull();
    gate.consider();
    await lose(peer);
    await carrierUp();
    world.clock.advance(5000);
    await settle();
    expect(gate.ports).toBeNull();
  });
});

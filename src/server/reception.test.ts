import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createKey, Door } from "../../test/relay/door.ts";
import { until } from "../../test/relay/until.ts";
import type { Connection } from "../linux/sockets.ts";
import { Acceptor } from "../relay/acceptor.ts";
import type { Session } from "../relay/session.ts";
import { securedBy } from "../relay/tls.ts";
import { encodeFrame } from "../wire/frames.ts";
import { Reception, type Arrival, type ArrivalShard } from "./reception.ts";

/**
 *   routers ==== door, reception --- shard 0, shard 1, shard 2
 */
let door: Door;
let reception: Reception;
let shards: FakeShard[];

/** A shard in this thread: what it takes comes by its descriptor, as it would in another. */
class FakeShard implements ArrivalShard {
  readonly arrivals: Arrival[] = [];
  readonly acceptor: Acceptor;

  constructor(createSession: (id: Buffer) => Session) {
    const { clock, log } = door;
    this.acceptor = new Acceptor({
      clock,
      log,
      greet: () => undefined,
      graceBytes: () => 1_000_000,
      createSession: (_, id) => createSession(id),
      onEnded: () => undefined,
    });
  }

  take(connection: Connection, arrival: Arrival): void {
    this.arrivals.push(arrival);
    const next = door.client.adopt(connection.release() ?? -1);
    if (next === undefined) throw new Error("lost on the way");
    const secured = securedBy(next, arrival.exporter, arrival.tls);
    const { signal } = new AbortController();
    void this.acceptor.receive(next, secured, { admit: () => arrival.router }, signal);
  }
}

beforeEach(async () => {
  door = new Door((connection, secured, signal) => reception.receive(connection, secured, signal));
  shards = [0, 1, 2].map(() => new FakeShard((id) => door.createSession(id, false)));
  reception = new Reception({ shards, admission: door.admission, clock: door.clock });
  await door.open();
});
afterEach(async () => {
  await door.close();
  for (const { acceptor } of shards) acceptor.stop();
  door.clock.advance(20_000);
  await until("all connections are closed", () => door.network.links.length === 0);
});

/** Carriers of each session that each shard was handed. */
const seen = (): number[][] =>
  shards.map(({ arrivals }) => {
    const sessions = [...new Set(arrivals.map(({ session }) => session))];
    return sessions.map((id) => arrivals.filter(({ session }) => session === id).length);
  });

test("all carriers of a session come to one shard, and work there", async () => {
  const session = await door.join();
  for (const number of [2, 3, 4]) await door.join({ session, number });
  expect(seen()).toEqual([[4], [], []]);
  expect([...session.carriers].map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  const [theirs] = [...(shards[0]?.acceptor.sessions ?? [])];
  expect(theirs?.session.carriers.size).toBe(4);
  session.close();
});

test("sessions of one router are spread first, then those of all", async () => {
  const guest = createKey();
  door.admission.update({
    routers: [
      { id: door.router.id, name: "home" },
      { id: guest.id, name: "guest" },
    ],
    invites: [],
  });
  const sessions = [await door.join(), await door.join()];
  expect(seen()).toEqual([[1], [1], []]);
  // Two of the guest's: one where nobody is, one where it has none itself.
  sessions.push(await door.join({ key: guest.key }), await door.join({ key: guest.key }));
  expect(seen()[2]).toEqual([1]);
  expect(seen().filter((carriers) => carriers.length === 2)).toHaveLength(1);
  for (const session of sessions) session.close();
});

test("an invitation lets one router in, whichever shard its carriers go to", async () => {
  const invite = door.invite();
  const [first, second] = [createKey(), createKey()];
  const joined = await Promise.allSettled([
    door.join({ key: first.key, invite }),
    door.join({ key: second.key, invite }),
    door.join({ key: first.key, invite }),
  ]);
  const [enrolled, ...others] = door.admission.enrolments;
  expect(others).toEqual([]);
  // Whoever came first, with all carriers; the other with none.
  const welcome = joined.filter(({ status }) => status === "fulfilled").length;
  expect(welcome).toBe(enrolled?.router.id === first.id ? 2 : 1);
  expect(seen().flat().length).toBe(welcome);
  for (const one of joined) if (one.status === "fulfilled") one.value.close();
});

test("who is turned away hears why, and no shard hears of it", async () => {
  await expect(door.join({ key: createKey().key })).rejects.toMatchObject({ code: "hello-unknown-router" });
  expect(seen()).toEqual([[], [], []]);
  expect(door.refusals).toEqual(["hello-unknown-router"]);
});

test.each([
  ["another frame than HELLO", encodeFrame({ kind: "ping", nonce: 1 })],
  ["DATA", Buffer.from("13000004000000010000000000000000abababab", "hex")],
  ["no frame at all", randomBytes(64).fill(0xff, 0, 1)],
])("%s is not handed on", async (_, bytes) => {
  const { stream } = await door.shake();
  stream.on("error", () => undefined).write(bytes);
  await until("it is refused", () => door.refusals.length === 1);
  expect(seen()).toEqual([[], [], []]);
  stream.destroy();
});

test("a silent connection is dropped after ten seconds", async () => {
  const { stream } = await door.shake();
  stream.on("error", () => undefined).resume();
  door.clock.advance(10_000);
  await until("it is refused", () => door.refusals[0] === "hello-timeout");
  await until("it is gone", () => stream.destroyed);
  expect(seen()).toEqual([[], [], []]);
});

test("a session that its shard has forgotten may live elsewhere; not so while a carrier is on its way there", async () => {
  const [one, other] = [await door.join(), await door.join()];
  const key = shards[0]?.arrivals[0]?.session ?? "";
  await door.join({ session: one, number: 2 });
  // It had not seen the second carrier yet.
  reception.vacated(0, key, 1);
  await door.join({ session: one, number: 3 });
  expect(seen()).toEqual([[3], [1], []]);
  // Another shard's word on it is nothing.
  reception.vacated(1, key, 100);
  await door.join({ session: one, number: 4 });
  expect(seen()).toEqual([[4], [1], []]);
  reception.vacated(0, key, 4);
  // Its place is free: else a third session would go to the third shard.
  const third = await door.join();
  expect(seen()).toEqual([[4, 1], [1], []]);
  for (const session of [one, other, third]) session.close();
});

import { createHash, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collect, Joined } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import { GRACE_MS } from "./limits.ts";
import { INITIAL_WINDOW, Refusal, ResetReason, TrafficClass } from "../wire/constants.ts";
import type { Connection } from "../linux/sockets.ts";
import { encodeFrame, type Frame } from "../wire/frames.ts";

const TARGET = { address: "198.51.100.1", port: 80 };
const MEBIBYTE = 1024 * 1024;
const openFrame = (flow: number): Frame => ({
  kind: "open",
  flow,
  window: 100_000,
  cls: TrafficClass.DEFAULT,
  target: TARGET,
});
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The error with which a stream breaks, once it does. */
function failureOf(stream: Duplex): { code: unknown } {
  const seen: { code: unknown } = { code: undefined };
  stream.on("error", (error: Error & { code?: string }) => (seen.code = error.code));
  stream.resume();
  return seen;
}

describe("a flow", () => {
  test("carries bytes both ways, half-closes, and is forgotten at both ends", async () => {
    const world = new Joined();
    await world.carrier();
    const { near, far, flow } = await world.flow();
    expect(flow).toMatchObject({ id: 1, target: TARGET, cls: TrafficClass.DEFAULT });
    const [up, down] = [collect(far.stream), collect(near.stream)];
    near.stream.end("request");
    await world.pass("the target sees the end", () => up.ended);
    expect(world.near.flows.size).toBe(1);
    far.stream.write("half-closed, ");
    await world.pass("the answer comes", () => down.bytes === 13);
    far.stream.end("but open");
    await world.pass("the client sees the end", () => down.ended);
    await world.pass("nothing is left", () => world.leftovers.length === 0);
    expect(up.digest()).toBe(sha256(Buffer.from("request")));
    expect(down.digest()).toBe(sha256(Buffer.from("half-closed, but open")));
    expect(world.near.counts).toEqual({ opened: 1, refused: 0, reset: 0, carriersLost: 0, moved: 0 });
    expect(world.far.counts).toEqual({ opened: 1, refused: 0, reset: 0, carriersLost: 0, moved: 0 });
    await until("both applications are closed", () => near.stream.destroyed && far.stream.destroyed);
  });

  test("lets the target speak first", async () => {
    const world = new Joined();
    await world.carrier();
    const { near, far } = await world.flow();
    const down = collect(near.stream);
    far.stream.write("220 ready");
    await world.pass("the greeting comes", () => down.bytes === 9);
    near.stream.end();
    far.stream.resume().end();
    await world.pass("nothing is left", () => world.leftovers.length === 0);
    expect(down.digest()).toBe(sha256(Buffer.from("220 ready")));
  });

  test("carries first bytes before it is opened, as many as the initial window", async () => {
    const world = new Joined();
    await world.carrier();
    const client = await world.app();
    const flow = world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    client.app.stream.write(randomBytes(200_000));
    await world.pass("the window is used up", () => flow.bytesSent === INITIAL_WINDOW);
    await settle();
    expect(flow.bytesSent).toBe(INITIAL_WINDOW);
    const target = await world.app();
    const up = collect(target.app.stream);
    world.opened[0]?.accept(target.local);
    await world.pass("all of it comes", () => up.bytes === 200_000);
  });

  test("carries whatever is written, in whatever pieces, on many flows at a time", async () => {
    const sizes = fc.array(fc.nat({ max: 60_000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(sizes, sizes), { minLength: 1, maxLength: 6 }), async (all) => {
        const world = new Joined();
        for (let count = 0; count < 2; count++) await world.carrier();
        const checks: (() => void)[] = [];
        for (const [upSizes, downSizes] of all) {
          const { near, far } = await world.flow();
          for (const [from, to, pieces] of [
            [near, far, upSizes],
            [far, near, downSizes],
          ] as const) {
            const heard = collect(to.stream);
            const said = pieces.map((size) => randomBytes(size));
            for (const piece of said) from.stream.write(piece);
            from.stream.end();
            checks.push(() => {
              expect(heard.ended).toBe(true);
              expect(heard.digest()).toBe(sha256(Buffer.concat(said)));
            });
          }
        }
        await world.pass("all flows have ended", () => world.leftovers.length === 0);
        for (const check of checks) check();
        expect(world.near.counts.reset + world.far.counts.reset).toBe(0);
      }),
      { numRuns: 15 },
    );
  });

  test.each(["near", "far"] as const)("reset by the %s application resets the other", async (side) => {
    const world = new Joined();
    await world.carrier();
    const ends = await world.flow();
    const other = failureOf(ends[side === "near" ? "far" : "near"].stream);
    ends[side].reset();
    await world.pass("the other application sees it", () => other.code === "ECONNRESET");
    await world.pass("nothing is left", () => world.leftovers.length === 0);
    expect([world.near.counts.reset, world.far.counts.reset]).toEqual([1, 1]);
  });

  test("reset by an application that has said all it had is still a reset", async () => {
    const world = new Joined();
    await world.carrier();
    const { near, far } = await world.flow();
    const [up, other] = [collect(far.stream), failureOf(far.stream)];
    near.stream.end("last words");
    await world.pass("the words came", () => up.ended);
    near.reset();
    far.stream.write("answer");
    await world.pass("the target sees it", () => other.code === "ECONNRESET");
    await world.pass("nothing is left", () => world.leftovers.length === 0);
    expect([world.near.counts.reset, world.far.counts.reset]).toEqual([1, 1]);
  });

  test("that is refused resets the client, and is counted once", async () => {
    const world = new Joined();
    await world.carrier();
    const client = await world.app();
    const failure = failureOf(client.app.stream);
    world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    await until("it is asked for", () => world.opened.length === 1);
    world.opened[0]?.refuse(Refusal.HOST_UNREACHABLE);
    await until("the client sees it", () => failure.code === "ECONNRESET");
    expect(world.refused).toEqual([Refusal.HOST_UNREACHABLE]);
    expect(world.leftovers).toEqual([]);
    expect(world.near.counts).toEqual({ opened: 1, refused: 1, reset: 0, carriersLost: 0, moved: 0 });
    expect(world.far.counts).toEqual({ opened: 1, refused: 1, reset: 0, carriersLost: 0, moved: 0 });
  });

  test("that the client leaves before the target is reached closes the target's connection", async () => {
    const world = new Joined();
    await world.carrier();
    const client = await world.app();
    world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    await until("it is asked for", () => world.opened.length === 1);
    client.app.reset();
    await until("the far end knows", () => world.far.flows.size === 0);
    const target = await world.app();
    const failure = failureOf(target.app.stream);
    world.opened[0]?.accept(target.local);
    await until("the target sees the end", () => failure.code === "ECONNRESET");
    expect(world.leftovers).toEqual([]);
  });

  test("holds back a fast writer for a slow reader, and loses nothing", async () => {
    const world = new Joined({ budgetBytes: MEBIBYTE });
    await world.carrier();
    const { near, far, flow } = await world.flow();
    const all = randomBytes(6 * MEBIBYTE);
    const failure = failureOf(near.stream);
    near.stream.end(all);
    let most = 0;
    let still = 0;
    let before = -1;
    await world.pass("the sender has stopped", () => {
      most = Math.max(most, world.near.heldBytes, world.far.heldBytes);
      still = flow.bytesSent === before ? still + 1 : 0;
      before = flow.bytesSent;
      return still > 200;
    });
    // The window, and what the application may write ahead of it.
    expect(most).toBeLessThanOrEqual(MEBIBYTE + 256 * 1024 + 64 * 1024);
    expect(flow.bytesSent).toBeLessThan(2 * MEBIBYTE);
    const heard = collect(far.stream);
    far.stream.end();
    await world.pass("everything came", () => heard.ended);
    expect(heard.digest()).toBe(sha256(all));
    expect(failure.code).toBeUndefined();
    await world.pass("nothing is left", () => world.leftovers.length === 0);
  });

  test("is acknowledged as the reader takes bytes, not when they come", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    await until("it is asked for", () => world.opened.length === 1);
    const target = await world.app();
    world.opened[0]?.accept(target.local);
    await until("it is opened", () => peer.heard("opened").length === 1);
    // The fake's wire takes 256 KiB, then the stream holds what comes.
    let offset = 0;
    for (; offset < MEBIBYTE; offset += 32_000) {
      peer.carrier.data(1, { offset, bytes: Buffer.alloc(32_000) });
    }
    await world.pass("it is at rest", () => world.opened[0]?.bytesReceived === offset);
    world.clock.advance(100);
    await settle();
    const acked = (): number => Math.max(0, ...peer.heard("ack").map((ack) => ack.offset));
    expect(acked()).toBeGreaterThan(0);
    expect(acked()).toBeLessThan(400_000);
    target.app.stream.resume();
    // Not a tick of the clock: an eighth of the window is due at once.
    await until("most of it is acknowledged at once", () => acked() > offset - 256 * 1024 - 32_000);
    await world.pass("all of it is", () => acked() === offset);
  });
});

describe("a carrier", () => {
  test("gives a small flow its turn within one turn's bytes of a bulk flow", async () => {
    const world = new Joined({ onOpen: () => undefined });
    const peer = await world.peer();
    // The far session sends, the test is the receiver.
    const [bulk, small] = [await world.app(), await world.app()];
    peer.open(1, 64 * MEBIBYTE);
    peer.open(3);
    await until("both are there", () => world.far.flows.size === 2);
    world.far.flows.get(1)?.accept(bulk.local);
    world.far.flows.get(3)?.accept(small.local);
    bulk.app.stream.write(randomBytes(16 * MEBIBYTE));
    await world.pass("the bulk is on its way", () => peer.pieces.length > 20);
    peer.connection.stream.pause();
    await settle(200);
    const queued = peer.theirs.bytesOut;
    small.app.stream.write("small");
    await settle(200);
    expect(peer.theirs.bytesOut).toBe(queued);
    peer.connection.stream.resume();
    await world.pass("the small one came", () => peer.pieces.some(({ flow }) => flow === 3));
    const at = peer.pieces.findIndex(({ flow }) => flow === 3);
    const ahead = peer.pieces.slice(0, at).reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(ahead - queued).toBeLessThanOrEqual(64 * 1024);
  });

  test("that is drained takes no new flows, and goes when its last has ended", async () => {
    const world = new Joined();
    const [old] = await world.carrier();
    const first = await world.flow();
    await world.carrier();
    world.near.drain(old);
    const second = await world.flow();
    expect(second.flow.lane).not.toBe(old);
    await world.pass("the far end knows", () => [...world.far.carriers].some(({ draining }) => draining));
    world.clock.advance(5000);
    await settle();
    expect(world.near.carriers.has(old)).toBe(true);
    const down = collect(first.near.stream);
    first.far.stream.resume().end("bye");
    first.near.stream.end();
    await world.pass("the flow has ended", () => down.ended && world.near.flows.size === 1);
    await world.pass("it is gone", () => world.near.carriers.size === 1 && world.far.carriers.size === 1);
    expect(world.log.lines.filter(({ message }) => message === "carrier lost")).toEqual([]);
  });

  test("that is drained waits for what the peer opened before it knew", async () => {
    const world = new Joined();
    const peer = await world.peer();
    world.far.drain(peer.theirs);
    await until("GOAWAY came", () => peer.heard("goaway").length === 1);
    world.clock.advance(5000);
    await settle();
    expect(peer.closed).toBeUndefined();
    peer.open(1);
    peer.carrier.send({ kind: "goaway" });
    await until("it is taken", () => world.opened.length === 1);
    world.clock.advance(5000);
    expect(world.far.carriers.size).toBe(1);
    world.opened[0]?.refuse(Refusal.FAILED);
    world.clock.advance(1000);
    await until("it is asked whether it has heard that", () => peer.heard("ping").length > 0);
    await settle();
    world.clock.advance(1000);
    await until("it is closed in good order", () => peer.closed !== undefined);
    expect(peer.closed?.error).toBeUndefined();
    expect(peer.heard("refused")).toHaveLength(1);
  });

  test("is asked for a sign of life when silent, and given up after 45 s", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.answers = false;
    world.clock.advance(15_000);
    await settle();
    expect(peer.heard("ping")).toEqual([]);
    world.clock.advance(1000);
    await until("it is asked", () => peer.heard("ping").length === 1);
    peer.carrier.send({ kind: "pong", nonce: 1 });
    await settle();
    world.clock.advance(45_000);
    expect(world.far.carriers.size).toBe(1);
    world.clock.advance(1000);
    expect(world.far.carriers.size).toBe(0);
    await until("the peer sees it", () => peer.closed !== undefined);
    expect(world.log.lines.at(-1)).toMatchObject({ level: "warn", message: "carrier lost" });
  });

  test("answers PING with its nonce", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.carrier.send({ kind: "ping", nonce: 77 });
    await until("it answers", () => peer.heard("pong").length === 1);
    expect(peer.heard("pong")).toEqual([{ kind: "pong", nonce: 77 }]);
  });

  test("whose peer asks without reading the answers is closed before they pile up", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.connection.stream.pause();
    const pings = Buffer.concat(Array.from({ length: 4000 }, () => encodeFrame({ kind: "ping", nonce: 1 })));
    for (let round = 0; round < 100 && world.far.carriers.size > 0; round++) {
      peer.connection.stream.write(pings);
      await settle(5);
      expect(peer.theirs.queuedBytes).toBeLessThan(2 * MEBIBYTE);
    }
    expect(world.far.carriers.size).toBe(0);
    expect(world.log.lines.at(-1)).toMatchObject({
      level: "warn",
      fields: { why: expect.stringContaining("does not read") },
    });
  });

  test("whose bytes are broken is closed", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    await until("it is there", () => world.opened.length === 1);
    peer.connection.stream.write(Buffer.alloc(16, 0x7f));
    await until("it is closed", () => peer.closed !== undefined);
    expect(world.far.carriers.size).toBe(0);
  });

  test("on which the peer opens an even id is closed", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(2);
    await until("it is closed", () => peer.closed !== undefined);
    expect(world.leftovers).toEqual([]);
  });

  test("with a receipt for what was never said is closed", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.carrier.send({ kind: "pong", nonce: 1000 });
    await until("it is closed", () => peer.closed !== undefined);
    expect(world.far.carriers.size).toBe(0);
  });

  test("is closed by a second HELLO", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.carrier.send({ kind: "hello", body: Buffer.alloc(0) });
    await until("it is closed", () => peer.closed !== undefined);
    expect(world.far.carriers.size).toBe(0);
  });
});

describe("a session", () => {
  test("says once of each unknown flow that nobody listens, also among thousands", async () => {
    const world = new Joined();
    const peer = await world.peer();
    const say = (flow: number): void => {
      peer.carrier.data(flow, { offset: 0, bytes: Buffer.of(1) });
      peer.carrier.send({ kind: "fin", flow, offset: 1 });
    };
    say(99);
    say(99);
    await until("it answers", () => peer.heard("reset").length > 0);
    await settle();
    expect(peer.heard("reset")).toEqual([{ kind: "reset", flow: 99, reason: ResetReason.UNKNOWN_FLOW }]);
    for (let flow = 101; flow < 33_101; flow += 2) say(flow);
    // Counting what is in them each time would take as long as all the rest.
    await until("it answers all", () => peer.frames.length >= 16_501);
    expect(peer.heard("reset")).toHaveLength(16_501);
    // What it remembers is bounded: the first is new again.
    say(99);
    await until("it answers again", () => peer.heard("reset").length === 16_502);
  });

  test("says nothing to what comes late for a flow that has ended", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    await until("it is there", () => world.opened.length === 1);
    world.opened[0]?.refuse(Refusal.POLICY);
    peer.carrier.data(1, { offset: 0, bytes: Buffer.of(1) });
    peer.carrier.send({ kind: "fin", flow: 1, offset: 1 });
    peer.carrier.send({ kind: "ping", nonce: 1 });
    await until("it went on", () => peer.heard("pong").length === 1);
    expect(peer.frames.map(({ kind }) => kind)).toEqual(["refused", "pong"]);
  });

  test("resets the flow whose window the peer breaks, and no other", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    peer.open(3);
    await until("both are there", () => world.opened.length === 2);
    peer.carrier.data(1, { offset: INITIAL_WINDOW, bytes: Buffer.of(1) });
    await until("it is reset", () => peer.heard("reset").length === 1);
    expect(peer.heard("reset")).toEqual([{ kind: "reset", flow: 1, reason: ResetReason.PROTOCOL }]);
    expect([...world.far.flows.keys()]).toEqual([3]);
  });

  test.each([
    ["an ACK of what was never sent", { kind: "ack", flow: 1, offset: 1, window: 0, fin: false }],
    ["an ACK of a FIN that was never sent", { kind: "ack", flow: 1, offset: 0, window: 0, fin: true }],
  ] as const)("resets a flow for %s", async (_, frame) => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    peer.carrier.send(frame);
    await until("it is reset", () => peer.heard("reset").length === 1);
    expect(peer.heard("reset")[0]?.reason).toBe(ResetReason.PROTOCOL);
    expect(world.leftovers).toEqual([]);
  });

  test("keeps no more for a peer that never acknowledges than its own window, whatever that peer allows", async () => {
    const world = new Joined({ budgetBytes: MEBIBYTE });
    const peer = await world.peer();
    peer.open(1, 0xffff_ffff);
    await until("it is asked for", () => world.opened.length === 1);
    const target = await world.app();
    world.opened[0]?.accept(target.local);
    target.app.stream.write(randomBytes(6 * MEBIBYTE));
    let still = 0;
    let before = -1;
    await world.pass("the sender has stopped", () => {
      const sent = world.opened[0]?.bytesSent ?? 0;
      still = sent === before ? still + 1 : 0;
      before = sent;
      return still > 200;
    });
    expect(before).toBe(MEBIBYTE / 2);
    expect(world.far.heldBytes).toBeLessThanOrEqual(MEBIBYTE + 256 * 1024 + 64 * 1024);
  });

  test("takes nothing more in while the process holds too much, and goes on when it does not", async () => {
    const world = new Joined({ budgetBytes: MEBIBYTE });
    await world.carrier();
    const { near, far } = await world.flow();
    const heard = collect(far.stream);
    const somebodyElse = {};
    world.nearBudget.note(somebodyElse, 2 * MEBIBYTE);
    near.stream.write(randomBytes(MEBIBYTE));
    const refused = await world.app();
    expect(() => world.near.open({ address: "198.51.100.9", port: 1 }, 0, refused.local)).toThrow("no more");
    await world.pass("it is at rest", () => heard.bytes > 0);
    for (let step = 0; step < 50; step++) {
      await settle();
      world.clock.advance(1);
    }
    expect(heard.bytes).toBeLessThan(MEBIBYTE / 2);
    world.nearBudget.note(somebodyElse, 0);
    await world.pass("everything came", () => heard.bytes === MEBIBYTE);
  });

  test("refuses flows beyond its limit as busy", async () => {
    const world = new Joined({ maxFlows: 2 });
    const peer = await world.peer();
    for (const flow of [1, 3, 5]) peer.open(flow);
    await until("one is refused", () => peer.heard("refused").length === 1);
    expect(peer.heard("refused")).toEqual([{ kind: "refused", flow: 5, reason: Refusal.BUSY }]);
    expect(world.far.flows.size).toBe(2);
  });

  test("opens no flow without a carrier that takes it", async () => {
    const world = new Joined();
    const client = await world.app();
    const open = (): unknown => world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    expect(open).toThrow(expect.objectContaining({ causeClass: "network", code: "no-carrier" }));
    await world.carrier();
    world.near.drain([...world.near.carriers][0] ?? expect.fail());
    expect(open).toThrow(expect.objectContaining({ code: "no-carrier" }));
  });

  test("resets all flows and closes all carriers when it ends", async () => {
    const world = new Joined();
    await world.carrier();
    await world.carrier();
    const flows = [await world.flow(), await world.flow()];
    const failures = flows.flatMap(({ near, far }) => [failureOf(near.stream), failureOf(far.stream)]);
    world.near.close();
    await until("all applications see it", () => failures.every(({ code }) => code === "ECONNRESET"));
    await until("all carriers are closed", () => world.far.carriers.size === 0);
    expect(world.leftovers).toEqual([]);
    world.clock.advance(5000);
    await until("no connection is left", () => world.network.links.length === 0);
  });

  test("survives any frames in any order, and is empty when it has waited for another carrier", async () => {
    const flow = fc.integer({ min: 1, max: 5 });
    const offset = fc.constantFrom(0, 1, 100, 200, INITIAL_WINDOW, 2 ** 40);
    const window = fc.constantFrom(0, 100, 0xffff_ffff);
    const frame: fc.Arbitrary<Frame> = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(1, 3, 5).map((id) => openFrame(id)) },
      fc.record({ kind: fc.constant("opened"), flow, window }),
      fc.record({ kind: fc.constant("refused"), flow, reason: fc.constant(Refusal.FAILED) }),
      fc.record({ kind: fc.constant("ack"), flow, offset, window, fin: fc.boolean() }),
      fc.record({ kind: fc.constant("fin"), flow, offset }),
      fc.record({ kind: fc.constant("reset"), flow, reason: fc.constant(ResetReason.APPLICATION) }),
      fc.record({ kind: fc.constant("lost"), carrier: fc.constantFrom(1, 7) }),
      fc.constantFrom<Frame>({ kind: "ping", nonce: 1 }, { kind: "pong", nonce: 1 }, { kind: "goaway" }),
    );
    const step = fc.oneof(
      { weight: 3, arbitrary: frame },
      fc.record({ flow, offset, length: fc.integer({ min: 1, max: 300 }) }),
      fc.constantFrom("accept", "refuse", "end", "reset", "turn"),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = new Joined();
        const peer = await world.peer();
        const apps: Connection[] = [];
        for (const one of steps) {
          if (typeof one === "object") {
            if ("kind" in one) peer.carrier.send(one);
            else peer.carrier.data(one.flow, { offset: one.offset, bytes: Buffer.alloc(one.length) });
          } else if (one === "accept") {
            const { app, local } = await world.app();
            apps.push(app);
            app.stream.resume().write("answer");
            const unanswered = world.opened.shift();
            if (unanswered === undefined) local.reset();
            else unanswered.accept(local);
          } else if (one === "refuse") world.opened.shift()?.refuse(Refusal.BUSY);
          else if (one === "end") apps.at(-1)?.stream.end();
          else if (one === "reset") apps.pop()?.reset();
          else await settle(3);
          expect(world.far.heldBytes).toBeGreaterThanOrEqual(0);
          expect(world.farBudget.active).toBeLessThanOrEqual(world.far.flows.size);
        }
        peer.connection.reset();
        await until("the carrier is gone", () => world.far.carriers.size === 0);
        world.clock.advance(GRACE_MS + 2000);
        expect(world.leftovers).toEqual([]);
        for (const unanswered of world.opened) unanswered.accept((await world.app()).local);
        for (const app of apps) app.reset();
        await until("no connection is left", () => world.network.links.length === 0);
      }),
      { numRuns: 150 },
    );
  });

  test("counts the bytes of carriers that are gone", async () => {
    const world = new Joined();
    const [near] = await world.carrier();
    const { near: client, far: target } = await world.flow();
    const up = collect(target.stream);
    client.stream.write(Buffer.alloc(1000));
    await world.pass("it came", () => up.bytes === 1000);
    const before = world.near.bytesOut;
    expect(before).toBeGreaterThan(1000);
    near.close(new Error("gone"));
    expect(world.near.bytesOut).toBe(before);
  });
});

import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { collect, Joined } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import { TrafficClass } from "../wire/constants.ts";
import { GRACE_MS } from "./limits.ts";

const TARGET = { address: "198.51.100.1", port: 80 };
const gone = new Error("gone");
const INSTANCE = Buffer.alloc(16, 1);

describe("flows", () => {
  test("go on elsewhere when their carrier is lost, in both directions", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const { near, far, flow } = await world.flow();
    const [up, down] = [collect(far.stream), collect(near.stream)];
    const [question, answer] = [randomBytes(3_000_000), randomBytes(3_000_000)];
    near.stream.end(question);
    far.stream.end(answer);
    await world.pass("both are under way", () => up.bytes > 100_000 && down.bytes > 100_000);
    expect(flow.lane).toBe(first);
    await world.carrier();
    first.close(gone);
    await world.pass("all is over", () => world.leftovers.length === 0);
    expect([up.bytes, down.bytes]).toEqual([3_000_000, 3_000_000]);
    expect(world.near.counts).toMatchObject({ reset: 0, carriersLost: 1, moved: 1 });
    expect(world.far.counts).toMatchObject({ reset: 0 });
  });

  test("wait without any carrier, and go on with the next", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const { near, far, flow } = await world.flow();
    await until("it is open", () => flow.isOpen);
    const [up, down] = [collect(far.stream), collect(near.stream)];
    first.close(gone);
    await until("both ends know", () => world.far.carriers.size === 0);
    near.stream.end("said while nobody listens");
    far.stream.end("answered all the same");
    await settle();
    world.clock.advance(GRACE_MS - 5000);
    await world.carrier();
    await world.pass("all is over", () => world.leftovers.length === 0);
    expect([up.ended, down.ended, up.bytes, down.bytes]).toEqual([true, true, 25, 21]);
  });

  test("are reset at both ends when no carrier comes in time", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const { near, far } = await world.flow();
    const codes: unknown[] = [];
    for (const { stream } of [near, far])
      stream.resume().on("error", (error: Error & { code?: string }) => codes.push(error.code));
    first.close(gone);
    await until("both ends know", () => world.far.carriers.size === 0);
    world.clock.advance(GRACE_MS + 2000);
    await until("both applications know", () => codes.length === 2);
    expect(codes).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(world.leftovers).toEqual([]);
  });

  test("that nobody has answered yet are asked for again", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const client = await world.app();
    first.close(gone);
    await world.carrier();
    const [, second] = [...world.near.carriers];
    expect(second).toBeUndefined();
    const flow = world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    [...world.near.carriers][0]?.close(gone);
    await world.carrier();
    await until("it came, once", () => world.opened.length === 1);
    const target = await world.app();
    world.opened[0]?.accept(target.local);
    const up = collect(target.app.stream);
    client.app.stream.write("hello");
    await world.pass("it works", () => up.bytes === 5);
    expect(flow.isOpen).toBe(true);
    expect(world.opened).toHaveLength(1);
  });

  test("that nobody has answered are let go when there is nobody to ask", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const open = await world.flow();
    await until("it is open", () => open.flow.isOpen);
    const client = await world.app();
    const codes: unknown[] = [];
    client.app.stream.resume().on("error", (error: Error & { code?: string }) => codes.push(error.code));
    world.near.open(TARGET, TrafficClass.DEFAULT, client.local);
    first.close(gone);
    world.clock.advance(5000);
    await until("the application knows", () => codes.length === 1);
    expect([...world.near.flows.values()]).toEqual([open.flow]);
  });

  test("learn of a carrier that only the other end has given up", async () => {
    const world = new Joined();
    const [first, farFirst] = await world.carrier();
    const { near, far } = await world.flow();
    const down = collect(near.stream);
    await world.carrier();
    first.close(gone);
    far.stream.end("answer");
    near.stream.end();
    far.stream.resume();
    await world.pass("all is over", () => world.leftovers.length === 0);
    expect(down.bytes).toBe(6);
    expect(farFirst.closed).toBe(true);
  });

  test("that ended while nobody listened stay ended: their last word is heard later", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const { near, far } = await world.flow();
    const codes: unknown[] = [];
    far.stream.resume().on("error", (error: Error & { code?: string }) => codes.push(error.code));
    first.close(gone);
    await until("both ends know", () => world.far.carriers.size === 0);
    near.reset();
    await until("one end knows", () => world.near.flows.size === 0);
    await settle();
    expect(world.far.flows.size).toBe(1);
    await world.carrier();
    await world.pass("the other learns", () => codes.length === 1);
    expect(codes).toEqual(["ECONNRESET"]);
    expect(world.leftovers).toEqual([]);
  });

  test("that are idle hold no carrier, and wake up on another", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    const { near, far, flow, farFlow } = await world.flow();
    const [up, down] = [collect(far.stream), collect(near.stream)];
    near.stream.write("hello");
    await world.pass("it came", () => up.bytes === 5);
    world.clock.advance(10_000);
    await settle();
    world.clock.advance(2000);
    expect([flow.lane, farFlow.lane]).toEqual([undefined, undefined]);
    expect(first.flows.size).toBe(0);
    await world.carrier();
    first.close(gone);
    await settle();
    expect(world.near.counts.moved).toBe(0);
    far.stream.write("anybody there?");
    await world.pass("it is", () => down.bytes === 14);
  });

  test("of a peer that remembers nothing are reset at once", async () => {
    const world = new Joined();
    const [first] = await world.carrier();
    world.near.addCarrier(first, INSTANCE);
    const { near, flow } = await world.flow();
    await until("it is open", () => flow.isOpen);
    const codes: unknown[] = [];
    near.stream.resume().on("error", (error: Error & { code?: string }) => codes.push(error.code));
    const [next] = await world.unused();
    world.near.addCarrier(next, Buffer.alloc(16, 2));
    await until("the application knows", () => codes.length === 1);
    expect(world.near.flows.size).toBe(0);
    expect(world.near.carriers.has(first)).toBe(false);
  });

  test("with much to say get carriers of their own, and the quiet keep one for themselves", async () => {
    const world = new Joined();
    for (let count = 0; count < 3; count++) await world.carrier();
    const flows = [await world.flow(), await world.flow(), await world.flow(), await world.flow()];
    const [one, two, ...quiet] = flows;
    for (let second = 0; second < 5; second++) {
      for (const bulk of [one, two]) {
        bulk?.far.stream.resume();
        bulk?.near.stream.write(Buffer.alloc(200_000));
      }
      for (const { near, far } of quiet) {
        far.stream.resume();
        near.stream.write("x");
      }
      await settle();
      world.clock.advance(1000);
      await settle();
    }
    expect(world.near.bulkFlows).toBe(2);
    const lanes = new Set([one?.flow.lane, two?.flow.lane]);
    expect(lanes.size).toBe(2);
    for (const { flow } of quiet) expect(lanes.has(flow.lane)).toBe(false);
  });

  test("with much to say share what is left of the carriers evenly, when they are more than those", async () => {
    const world = new Joined();
    for (let count = 0; count < 6; count++) await world.carrier();
    const flows = [];
    for (let count = 0; count < 10; count++) flows.push(await world.flow());
    for (let second = 0; second < 5; second++) {
      for (const { near, far } of flows) {
        far.stream.resume();
        near.stream.write(Buffer.alloc(200_000));
      }
      await settle();
      world.clock.advance(1000);
      await settle();
    }
    expect(world.near.bulkFlows).toBe(10);
    for (const session of [world.near, world.far]) {
      const counts = [...session.carriers].map(({ kept, flows: { size } }) => [kept, size]);
      expect(counts.filter(([kept]) => kept === "quiet")).toEqual([
        ["quiet", 0],
        ["quiet", 0],
      ]);
    }
    expect([...world.near.carriers].map(({ flows: { size } }) => size).sort((a, b) => a - b)).toEqual([
      0, 0, 2, 2, 3, 3,
    ]);
    const { flow } = await world.flow();
    expect(flow.lane).toMatchObject({ kept: "quiet" });
  });
});

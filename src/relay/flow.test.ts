import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../test/relay/garbage.ts";
import { collect, Joined, type App, type Peer } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import { ResetReason } from "../wire/constants.ts";

/** A flow opened by the test's peer, with an application at its other end. */
async function opened(): Promise<{ readonly world: Joined; readonly peer: Peer; readonly target: App }> {
  const world = new Joined();
  const peer = await world.peer();
  peer.open(1);
  await until("it is asked for", () => world.opened.length === 1);
  const target = await world.app();
  world.opened[0]?.accept(target.local);
  await until("it is opened", () => peer.heard("opened").length === 1);
  return { world, peer, target };
}

const fin = (peer: Peer, offset: number): void => peer.carrier.send({ kind: "fin", flow: 1, offset });
const ackFin = (peer: Peer, offset: number): void =>
  peer.carrier.send({ kind: "ack", flow: 1, offset, window: 65_536, fin: true });
const say = (peer: Peer, offset: number, text: string): void =>
  peer.carrier.data(1, { offset, bytes: Buffer.from(text) });

describe("the end of a flow", () => {
  test("waits for the last ACK, though its local end is closed already", async () => {
    const { world, peer, target } = await opened();
    target.app.stream.resume().end();
    fin(peer, 0);
    await until("the local end is closed", () => target.local.stream.destroyed);
    await until("FIN was answered", () => peer.heard("ack").length === 1 && peer.heard("fin").length === 1);
    await settle();
    expect(world.far.flows.size).toBe(1);
    ackFin(peer, 0);
    await until("it is forgotten", () => world.far.flows.size === 0);
    expect(world.leftovers).toEqual([]);
    expect(peer.heard("reset")).toEqual([]);
  });

  test("acknowledges FIN only when the application has taken all before it", async () => {
    const { world, peer, target } = await opened();
    const up = collect(target.app.stream);
    fin(peer, 10);
    say(peer, 5, "later");
    await settle();
    world.clock.advance(100);
    expect(up).toMatchObject({ bytes: 0, ended: false });
    expect(peer.heard("ack")).toEqual([]);
    say(peer, 0, "early");
    await world.pass("it has ended", () => up.ended);
    await until("FIN is acknowledged", () => peer.heard("ack").some((ack) => ack.fin));
    expect(peer.heard("ack").filter((ack) => ack.fin)).toMatchObject([{ offset: 10 }]);
  });

  test("by RESET frees everything at once, also what came before it was accepted", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    say(peer, 0, "early bytes");
    await until("they are held", () => world.far.heldBytes === 11);
    peer.carrier.send({ kind: "reset", flow: 1, reason: ResetReason.APPLICATION });
    await until("it is forgotten", () => world.far.flows.size === 0);
    expect(world.opened[0]?.heldBytes).toBe(0);
    const target = await world.app();
    world.opened[0]?.accept(target.local);
    await until("the target's connection is closed", () => target.local.stream.destroyed);
    expect(peer.heard("opened")).toEqual([]);
  });

  test("twice is harmless", async () => {
    const { world, peer } = await opened();
    const [flow] = world.opened;
    flow?.reset(ResetReason.APPLICATION);
    flow?.reset(ResetReason.APPLICATION);
    flow?.onReset();
    flow?.onRefused();
    await until("it is told", () => peer.heard("reset").length > 0);
    await settle();
    expect(peer.heard("reset")).toHaveLength(1);
    expect(world.far.counts.reset).toBe(1);
    expect(world.leftovers).toEqual([]);
  });

  test("with an application that is closed already resets it", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    await until("it is asked for", () => world.opened.length === 1);
    const target = await world.app();
    target.local.reset();
    await until("it is closed", () => target.local.stream.destroyed);
    await settle();
    world.opened[0]?.accept(target.local);
    await until("the peer is told", () => peer.heard("reset").length === 1);
    expect(world.leftovers).toEqual([]);
  });

  test("leaves nothing behind: flow, connections and bytes are garbage", async () => {
    const world = new Joined();
    await world.carrier();
    const gone: WeakRef<object>[] = [];
    const run = async (): Promise<void> => {
      for (const how of ["done", "reset"]) {
        const { near, far, flow, farFlow } = await world.flow();
        gone.push(...[flow, farFlow, near.stream, far.stream].map((object) => new WeakRef(object)));
        far.stream.resume().on("error", () => undefined);
        near.stream.on("error", () => undefined);
        if (how === "reset") near.reset();
        else {
          near.stream.resume().end("bytes");
          far.stream.end("more bytes");
        }
        await world.pass("it is over", () => world.leftovers.length === 0);
        await until("both are closed", () => near.stream.destroyed && far.stream.destroyed);
      }
      world.opened.length = 0;
    };
    await run();
    world.clock.advance(1000);
    await settle();
    await collectGarbage();
    expect(gone.filter((one) => one.deref() !== undefined)).toEqual([]);
    expect(world.near.carriers.size).toBe(1);
  });
});

describe("bytes that come before the flow is accepted", () => {
  test("are kept, however many turns they come in", async () => {
    const world = new Joined();
    const peer = await world.peer();
    peer.open(1);
    for (const [index, text] of ["one ", "two ", "three"].entries()) {
      say(peer, 4 * index, text);
      await until("it is held", () => world.far.heldBytes >= 4 * index + 4);
    }
    const target = await world.app();
    let heard = "";
    target.app.stream.on("data", (bytes: Buffer) => (heard += bytes.toString()));
    world.opened[0]?.accept(target.local);
    await until("all came", () => heard.length === 13);
    expect(heard).toBe("one two three");
  });
});

describe("bytes held for a flow", () => {
  test("are never negative, and none when all is delivered", async () => {
    const world = new Joined();
    await world.carrier();
    const { near, far, flow, farFlow } = await world.flow();
    const heard = collect(far.stream);
    let least = 0;
    near.stream.write(Buffer.alloc(3_000_000));
    await world.pass("it came", () => {
      least = Math.min(least, flow.heldBytes, farFlow.heldBytes);
      return heard.bytes === 3_000_000;
    });
    await world.pass("all is acknowledged", () => flow.heldBytes === 0 && farFlow.heldBytes === 0);
    expect(least).toBe(0);
  });
});

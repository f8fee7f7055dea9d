import { expect, test } from "vitest";
import { FakeNetwork } from "../linux/fake/network.ts";
import type { Connection } from "../linux/sockets.ts";
import { SharedInlet, type Inlet } from "./inlet.ts";

/** Keeps what it is given. */
class Shelf implements Inlet {
  usable = true;
  carriers = 1;
  readonly taken: Connection[] = [];

  get flows(): number {
    return this.taken.length;
  }

  take(connection: Connection): void {
    this.taken.push(connection);
  }
}

async function connections(count: number): Promise<Connection[]> {
  const network = new FakeNetwork();
  const host = network.host("host", { addresses: ["10.0.0.1"] });
  const { local } = await host.listen(
    { transport: "tcp", local: { address: "10.0.0.1", port: 0 } },
    () => undefined,
  );
  const dial = (): Promise<Connection> => host.dial({ transport: "tcp", remote: local, timeoutMs: 1000 });
  return Promise.all(Array.from({ length: count }, dial));
}

test("flows are spread evenly, in a burst as well as one by one", async () => {
  const shelves = [new Shelf(), new Shelf(), new Shelf()];
  const shared = new SharedInlet(shelves);
  for (const connection of await connections(31)) shared.take(connection);
  expect(shelves.map(({ flows }) => flows)).toEqual([11, 10, 10]);
  expect(shared.flows).toBe(31);
});

test("flows that end at once are taken in turn", async () => {
  const shelves = [new Shelf(), new Shelf()];
  const shared = new SharedInlet(shelves);
  const taken = [0, 0];
  for (const connection of await connections(10)) {
    shared.take(connection);
    for (const [index, shelf] of shelves.entries())
      taken[index] = (taken[index] ?? 0) + shelf.taken.splice(0).length;
  }
  expect(taken).toEqual([5, 5]);
});

test("where many flows have ended the next ones go", async () => {
  const [full, empty] = [new Shelf(), new Shelf()];
  full.taken.push(...(await connections(6)));
  const shared = new SharedInlet([full, empty]);
  for (const connection of await connections(8)) shared.take(connection);
  expect([full.flows, empty.flows]).toEqual([7, 7]);
});

test("nothing goes where no server answers, and all is usable that one of them is", async () => {
  const [dead, alive] = [new Shelf(), new Shelf()];
  dead.usable = false;
  dead.carriers = 0;
  const shared = new SharedInlet([dead, alive]);
  for (const connection of await connections(4)) shared.take(connection);
  expect([dead.flows, alive.flows]).toEqual([0, 4]);
  expect([shared.usable, shared.carriers]).toEqual([true, 1]);
  alive.usable = false;
  expect(shared.usable).toBe(false);
});

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectedBy, type Connected } from "./connected.ts";
import { Ends, send } from "./endpoints.ts";
import { Lab } from "../../src/lab/lab.ts";
import { parseTopology, type Topology } from "../../src/lab/topology/topology.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import type { Connection, Listener } from "../../src/linux/sockets.ts";

/* inside --- nat (forgets TCP after 2 s, UDP after 1 s, holds 5) --- outside */
const topology = (kind: string): Topology =>
  parseTopology(
    `version: 1
hosts:
  inside: { interfaces: { lan: [10.0.0.2/24] }, routes: [default via 10.0.0.1] }
  nat:
    nat: { outside: wan, tcp: 2 s, udp: 1 s, maxEntries: 5${kind} }
    interfaces: { lan: [10.0.0.1/24], wan: [192.0.2.1/24] }
  outside: { interfaces: { wan: [192.0.2.2/24] } }
links:
  lan: { ends: [inside:lan, nat:lan] }
  wan: { ends: [nat:wan, outside:wan] }
`,
    "nat",
  );
const OUTSIDE = "192.0.2.2";
/** Where to send when nothing must come back: long enough for a packet through two cables many times over. */
const SILENCE_MS = 200;

let lab: Lab;

describe.each([
  ["as Linux does it", ""],
  ["a kind of its own", ", mapping: endpoint-independent, ports: changed"],
])("%s", (_, kind) => {
  beforeAll(async () => {
    lab = await Lab.up(topology(kind));
  });
  afterAll(() => lab.down());

  describe("idle mappings", () => {
    test("UDP: answered while it is there, deaf once forgotten", async () => {
      await using ends = new Ends();
      const [client, server] = [await ends.udp(lab, "inside"), await ends.udp(lab, "outside")];
      const from = await send(client, server, [OUTSIDE, server.port], "hello");
      // The NAT's address, not the client's.
      expect(from?.from).toBe("192.0.2.1");
      const door = ["192.0.2.1", from?.port ?? 0] as const;
      expect(await send(server, client, door, "first")).toBeDefined();
      // Longer than the mapping lives: there is nothing to wait for but time.
      await sleep(2000);
      expect(await send(server, client, door, "too late", SILENCE_MS)).toBeUndefined();
    });

    test("TCP: what is sent after a long silence never arrives", async () => {
      const { client, server, close } = await connect(4000);
      client.stream.write("first");
      await once(server.stream, "data");
      const heard: string[] = [];
      client.stream.on("data", (data: Buffer) => heard.push(String(data)));
      server.stream.write("answer");
      await once(client.stream, "data");
      await sleep(3000);
      server.stream.write("too late");
      await sleep(SILENCE_MS);
      expect(heard).toEqual(["answer"]);
      await close();
    });
  });

  describe("a full table", () => {
    test("takes as many connections as it has room for, and more when it has room again", async () => {
      await lab.fault("nat-reboot", "nat");
      const sockets = kernelSockets(lab.netns("inside"));
      const listener = await listen(4001, ({ stream }) => void stream.on("error", () => undefined));
      const dial = (): Promise<Connection> =>
        sockets.dial({ transport: "tcp", remote: { address: OUTSIDE, port: 4001 }, timeoutMs: 400 });
      const results = await Promise.allSettled(Array.from({ length: 8 }, dial));
      const open = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(open).toHaveLength(5);
      expect(lab.host("nat").nat?.entries).toBe(5);
      for (const connection of open) connection.reset();
      await lab.fault("nat-reboot", "nat");
      (await dial()).reset();
      await listener.close();
    });
  });

  describe("the outside", () => {
    test("cannot reach in", async () => {
      const listener = await kernelSockets(lab.netns("inside")).listen(
        { transport: "tcp", local: { address: "::", port: 4002 } },
        () => undefined,
      );
      // It knows the way, and is still not let in.
      await lab.exec("outside")(["ip", "route", "add", "10.0.0.0/24", "via", "192.0.2.1"]);
      const sockets = kernelSockets(lab.netns("outside"));
      for (const address of ["10.0.0.2", "192.0.2.1"]) {
        const dialled = sockets.dial({ transport: "tcp", remote: { address, port: 4002 }, timeoutMs: 300 });
        await expect(dialled).rejects.toMatchObject({ code: "ETIMEDOUT" });
      }
      await listener.close();
    });
  });
});

function listen(port: number, onConnection: (connection: Connection) => void): Promise<Listener> {
  return kernelSockets(lab.netns("outside")).listen(
    { transport: "tcp", local: { address: "::", port } },
    onConnection,
  );
}

function connect(port: number): Promise<Connected> {
  return connectedBy(
    (onConnection) => listen(port, onConnection),
    () =>
      kernelSockets(lab.netns("inside")).dial({
        transport: "tcp",
        remote: { address: OUTSIDE, port },
        timeoutMs: 5000,
      }),
  );
}

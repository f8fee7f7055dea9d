import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectedBy, type Connected } from "./connected.ts";
import { Lab } from "../../src/lab/lab.ts";
import { parseTopology } from "../../src/lab/topology/topology.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { inNetns } from "../../src/linux/netns.ts";
import type { Connection, Listener } from "../../src/linux/sockets.ts";

/* inside --- nat (forgets TCP after 2 s, UDP after 1 s, holds 5) --- outside */
const TOPOLOGY = parseTopology(
  `version: 1
hosts:
  inside: { interfaces: { lan: [10.0.0.2/24] }, routes: [default via 10.0.0.1] }
  nat:
    nat: { outside: wan, tcp: 2 s, udp: 1 s, maxEntries: 5 }
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
beforeAll(async () => {
  lab = await Lab.up(TOPOLOGY);
});
afterAll(() => lab.down());

/** A UDP socket on a host: a socket stays in the namespace that it was made in. */
async function udp(host: string): Promise<Socket> {
  // Node makes the socket once it has looked up the name to bind to: here, within this turn.
  const socket = createSocket({ type: "udp4", lookup: (name, _, found) => found(null, name, 4) });
  const listening = once(socket, "listening");
  inNetns(lab.netns(host), () => socket.bind({ port: 0, address: "0.0.0.0", exclusive: true }));
  await listening;
  return socket;
}

describe("idle mappings", () => {
  test("UDP: answered while it is there, deaf once forgotten", async () => {
    const [client, server] = [await udp("inside"), await udp("outside")];
    client.send("hello", server.address().port, OUTSIDE);
    const [, from] = (await once(server, "message")) as [Buffer, { address: string; port: number }];
    // The NAT's address, not the client's.
    expect(from.address).toBe("192.0.2.1");
    const answer = (text: string): void => server.send(text, from.port, from.address);
    const heard: string[] = [];
    client.on("message", (data) => heard.push(String(data)));
    const answered = once(client, "message");
    answer("first");
    await answered;
    // Longer than the mapping lives: there is nothing to wait for but time.
    await sleep(2000);
    answer("too late");
    await sleep(SILENCE_MS);
    expect(heard).toEqual(["first"]);
    client.close();
    server.close();
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

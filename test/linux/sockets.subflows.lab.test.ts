import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { once } from "node:events";
import { Closer } from "../../src/base/closer.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { kernelSockDiag, type SockDiag } from "../../src/linux/sockdiag.ts";
import type { Connection, Listener, Sockets } from "../../src/linux/sockets.ts";
import { ip, namespaces, veth } from "./namespaces.ts";
import { withoutNetworkRights } from "./unprivileged.ts";

/**
 *          10.1.0.1 wan1 ---- wan1 10.1.0.2
 *   router                                   server, listening on 10.1.0.2
 *          10.2.0.1 wan2 ---- wan2 10.2.0.2
 */
describe("subflows", () => {
  const closer = new Closer();
  let router: Sockets;
  let listener: Listener;
  let diag: SockDiag;
  const accepted: Connection[] = [];

  beforeAll(() =>
    closer.unwindOnFailure(async () => {
      const [near = "", far = ""] = await namespaces(closer, "router", "server");
      for (const n of [1, 2]) {
        await veth(
          { netns: near, device: `wan${n}`, addresses: [`10.${n}.0.1/24`] },
          { netns: far, device: `wan${n}`, addresses: [`10.${n}.0.2/24`] },
        );
        await ip(`-n ${near} mptcp endpoint add 10.${n}.0.1 dev wan${n} subflow`);
        // Both WANs lead to the server's one address.
        await ip(`-n ${near} route add default via 10.${n}.0.2 dev wan${n} table ${100 + n}`);
        await ip(`-n ${near} rule add from 10.${n}.0.1 lookup ${100 + n} priority ${100 + n}`);
      }
      for (const netns of [near, far]) await ip(`-n ${netns} mptcp limits set subflow 8 add_addr_accepted 8`);
      router = kernelSockets(netnsPath(near));
      diag = kernelSockDiag(netnsPath(near));
      listener = await kernelSockets(netnsPath(far)).listen(
        { transport: "mptcp", local: { address: "10.1.0.2", port: 0 } },
        (connection) => {
          accepted.push(connection);
          connection.stream.on("error", () => undefined).pipe(connection.stream);
        },
      );
      closer.add("listener", () => listener.close());
    }),
  );
  afterAll(() => closer.close());

  /** An echoing connection with `subflows` subflows, and its other end. */
  async function connect(subflows: number): Promise<Connection> {
    const connection = await router.dial({ transport: "mptcp", remote: listener.local, timeoutMs: 5000 });
    connection.stream.on("error", () => undefined);
    closer.add("connection", () => connection.reset());
    // Only a connection that has carried bytes both ways gets more subflows.
    await echo(connection, 1);
    await until(() => connection.info()?.subflows.length === subflows);
    return connection;
  }

  it("are all told, with their addresses and counters", async () => {
    const connection = await connect(2);
    await echo(connection, 1_000_000);
    const info = connection.info();
    expect(info?.subflows.map((one) => one.local.address).sort()).toEqual(["10.1.0.1", "10.2.0.1"]);
    expect(info?.subflows.map((one) => one.remote)).toEqual([listener.local, listener.local]);
    expect(info).toMatchObject({ mptcp: true, bytesSent: 1_000_001, bytesReceived: 1_000_001 });
    for (const one of info?.subflows ?? []) {
      expect(one).toMatchObject({ state: "established", mss: 1448 });
      expect(one.rttMs).toBeGreaterThan(0);
    }
    const sockets = diag.list({ local: 0, remote: listener.local.port });
    expect(sockets.filter((one) => one.subflow?.token === info?.token)).toHaveLength(2);
  });

  it("can be destroyed one by one: its connection and all others go on", async () => {
    const other = await connect(2);
    const connection = await connect(2);
    const [first, second] = connection.info()?.subflows ?? [];
    if (first === undefined || second === undefined) throw new Error("two subflows expected");
    const foreign = { local: { ...first.local, port: 1 }, remote: first.remote };
    expect(diag.destroy(foreign)).toBe("not-found");
    expect(withoutNetworkRights(() => diag.destroy(first))).toBe("not-permitted");
    expect(connection.info()?.subflows).toHaveLength(2);

    // While bytes are on their way over both.
    const echoed = echo(connection, 8_000_000);
    expect(diag.destroy(first)).toBe("done");
    await echoed;
    const alive = (connection.info()?.subflows ?? []).filter((one) => one.state === "established");
    expect(alive.map((one) => one.local)).toEqual([second.local]);
    expect(diag.destroy(first)).toBe("not-found");
    expect(other.info()?.subflows.map((one) => one.state)).toEqual(["established", "established"]);
    await echo(other, 100_000);
  });
});

/** Writes `length` bytes and reads them back. */
async function echo({ stream }: Connection, length: number): Promise<void> {
  stream.write(Buffer.alloc(length, 7));
  for (let missing = length; missing > 0;) {
    const [chunk] = (await once(stream, "data")) as [Buffer];
    missing -= chunk.length;
    expect(missing).toBeGreaterThanOrEqual(0);
  }
}

async function until(good: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!good()) {
    if (performance.now() > end) throw new Error("not within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../base/clock.ts";
import type { Connection, Sockets, Transport } from "../sockets.ts";
import { FakeNetwork } from "./network.ts";

/** What the fake has beyond the contract: faults, gateways, time. */
function world(network = new FakeNetwork()): { network: FakeNetwork; user: Sockets; web: Sockets } {
  return {
    network,
    user: network.host("user", { addresses: ["10.0.0.2"], gateway: "router" }),
    web: network.host("web", { addresses: ["203.0.113.80"] }),
  };
}

const WEB = { address: "203.0.113.80", port: 80 };
const TCP: Transport = "tcp";

async function echoServer(sockets: Sockets, transport: Transport = TCP, local = WEB): Promise<Connection[]> {
  const accepted: Connection[] = [];
  await sockets.listen({ transport, local }, (connection) => {
    accepted.push(connection);
    connection.stream.on("error", () => undefined).pipe(connection.stream);
  });
  return accepted;
}

describe("FakeNetwork", () => {
  it("leads a user's connections to the gateway's transparent listener, and past it when it is gone", async () => {
    const { network, user, web } = world();
    const router = network.host("router", { addresses: ["10.0.0.1"] });
    const atWeb = await echoServer(web);
    const taken: Connection[] = [];
    const local = { address: "127.0.0.1", port: 0 };
    const proxy = await router.listen({ transport: TCP, local, transparent: true }, (connection) =>
      taken.push(connection),
    );
    await user.dial({ transport: TCP, remote: WEB, timeoutMs: 100 });
    expect(taken.map((connection) => connection.local)).toEqual([WEB]);
    expect(atWeb).toEqual([]);
    await proxy.close();
    await user.dial({ transport: TCP, remote: WEB, timeoutMs: 100 });
    expect(atWeb).toHaveLength(1);
  });

  it("cuts, freezes and thaws a connection", async () => {
    const { network, user, web } = world();
    await echoServer(web);
    const { stream } = await user.dial({ transport: TCP, remote: WEB, timeoutMs: 100 });
    const [link] = network.links;
    link?.freeze();
    stream.write("frozen");
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(stream.read()).toBeNull();
    link?.thaw();
    expect(String(await once(stream, "data"))).toBe("frozen");
    const failed = once(stream, "error");
    link?.cut();
    expect(await failed).toMatchObject([{ code: "ECONNRESET" }]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(network.links).toEqual([]);
  });

  it("makes hosts unreachable for new connections and silent for all", async () => {
    const { network, user, web } = world();
    await echoServer(web);
    const options = { transport: TCP, remote: WEB, timeoutMs: 50 } as const;
    const { stream } = await user.dial(options);
    network.setReachability(WEB.address, "unreachable");
    await expect(user.dial(options)).rejects.toMatchObject({ code: "EHOSTUNREACH" });
    stream.write("still");
    expect(String(await once(stream, "data"))).toBe("still");
    network.setReachability(WEB.address, "silent");
    await expect(user.dial(options)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    stream.write("later");
    network.setReachability(WEB.address, "reachable");
    expect(String(await once(stream, "data"))).toBe("later");
  });

  it("strips MPTCP like a middlebox", async () => {
    const { network, user, web } = world();
    await echoServer(web, "mptcp");
    const options = { transport: "mptcp", remote: WEB, timeoutMs: 100 } as const;
    expect((await user.dial(options)).info()?.mptcp).toBe(true);
    network.stripMptcp = true;
    expect((await user.dial(options)).info()?.mptcp).toBe(false);
  });

  it("lives in the time of its clock", async () => {
    const clock = new ManualClock();
    const { user, web } = world(new FakeNetwork(clock, { latencyMs: 20 }));
    await echoServer(web);
    let connected: Connection | undefined;
    const dialled = user
      .dial({ transport: TCP, remote: WEB, timeoutMs: 1000 })
      .then((it) => (connected = it));
    clock.advance(39);
    await Promise.resolve();
    expect(connected).toBeUndefined();
    clock.advance(1);
    const { stream } = await dialled;
    let echoed = "";
    stream.on("data", (chunk: Buffer) => (echoed += chunk.toString()));
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await turn();
    stream.write("ping");
    for (let ms = 0; ms < 39; ms++) {
      clock.advance(1);
      await turn();
    }
    expect(echoed).toBe("");
    clock.advance(2);
    await turn();
    expect(echoed).toBe("ping");
  });
});

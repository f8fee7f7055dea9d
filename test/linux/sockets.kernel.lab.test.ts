import { readdirSync } from "node:fs";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { exec, type Exec, inNamespace } from "../../src/linux/exec.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import type { Connection, Endpoint, Sockets } from "../../src/linux/sockets.ts";
import { until } from "../e2e/until.ts";
import { ip, namespaces, veth } from "./namespaces.ts";

/**
 *   client 192.0.2.1, 2001:db8::1 ---- 192.0.2.2, 2001:db8::2 router ---- (nothing: 198.51.100.0/24, 2001:db8:f::/64)
 */
describe("the kernel's sockets", () => {
  const closer = new Closer();
  let [client, router]: Sockets[] = [];
  let onClient: Exec;
  let onRouter: Exec;

  beforeAll(() =>
    closer.unwindOnFailure(async () => {
      const [near = "", far = ""] = await namespaces(closer, "client", "router");
      await veth(
        { netns: near, device: "up0", addresses: ["192.0.2.1/24", "2001:db8::1/64"] },
        { netns: far, device: "lan0", addresses: ["192.0.2.2/24", "2001:db8::2/64"] },
      );
      await ip(`-n ${near} route add default via 192.0.2.2`);
      await ip(`-n ${near} -6 route add default via 2001:db8::2`);
      client = kernelSockets(netnsPath(near));
      router = kernelSockets(netnsPath(far));
      onClient = inNamespace(exec, netnsPath(near));
      onRouter = inNamespace(exec, netnsPath(far));
    }),
  );
  afterAll(() => closer.close());

  const dial = async (remote: Endpoint, transport: "tcp" | "mptcp" = "tcp"): Promise<Connection> => {
    const connection = await client?.dial({ transport, remote, timeoutMs: 2000 });
    if (connection === undefined) throw new Error("no client");
    connection.stream.on("error", () => undefined);
    return connection;
  };

  it.each([
    { bytes: 64 * 1024, least: 32 * 1024, most: 256 * 1024 },
    { bytes: 1024 * 1024, least: 512 * 1024, most: 2560 * 1024 },
  ])("keep as much unread as they are told to: $bytes bytes", async ({ bytes, least, most }) => {
    const accepted = Promise.withResolvers<Connection>();
    const local = { address: "192.0.2.2", port: 0 };
    const listener = await router?.listen({ transport: "tcp", local }, accepted.resolve);
    if (listener === undefined) throw new Error("no router");
    const connection = await dial(listener.local);
    connection.holdAtMost(bytes);
    const { stream } = await accepted.promise;
    const sent = 8_000_000;
    stream.on("error", () => undefined).end(Buffer.alloc(sent));
    // The window has closed when nothing more comes; Node has read a little ahead.
    const arrived: number[] = [];
    const look = (): number => arrived.push(connection.info()?.bytesReceived ?? 0);
    await until(look, () => (arrived.at(-1) ?? 0) > 0 && arrived.at(-1) === arrived.at(-10));
    expect(arrived.at(-1)).toBeGreaterThan(least);
    expect(arrived.at(-1)).toBeLessThan(most);
    let got = 0;
    for await (const chunk of connection.stream) got += (chunk as Buffer).length;
    expect(got).toBe(sent);
    connection.reset();
    await listener.close();
  });

  it("are not MPTCP's where the other end has none", async () => {
    const local = { address: "192.0.2.2", port: 0 };
    const listener = await router?.listen({ transport: "tcp", local }, ({ stream }) => {
      stream.on("error", () => undefined).pipe(stream);
    });
    if (listener === undefined) throw new Error("no router");
    const connection = await dial(listener.local, "mptcp");
    connection.stream.write("over");
    await once(connection.stream, "data");
    expect(connection.info()?.mptcp).toBe(false);
    // One line for each family: protocol, size of a socket, sockets.
    const { stdout } = await onClient(["grep", "^MPTCP", "/proc/net/protocols"]);
    expect(stdout.match(/^MPTCP\S*\s+\d+\s+\d+/gm)?.map((line) => line.split(/\s+/)[2])).toEqual(["0", "0"]);
    connection.reset();
    await listener.close();
  });

  it.each([
    { family: "IPv4", loopback: "127.0.0.1", nft: "ip", target: "198.51.100.7", words: "-4" },
    { family: "IPv6", loopback: "::1", nft: "ip6", target: "2001:db8:f::7", words: "-6" },
  ])("take in $family connections to others through TPROXY", async ({ loopback, nft, target, words }) => {
    const accepted = Promise.withResolvers<Connection>();
    const local = { address: loopback, port: 0 };
    const listener = await router?.listen({ transport: "tcp", local, transparent: true }, accepted.resolve);
    if (listener === undefined) throw new Error("no router");
    const to = `${loopback.includes(":") ? `[${loopback}]` : loopback}:${listener.local.port}`;
    await onRouter(["ip", words, "rule", "add", "fwmark", "1", "lookup", "100"]);
    await onRouter(["ip", words, "route", "add", "local", "default", "dev", "lo", "table", "100"]);
    const input = `table ${nft} t {\nchain c {\ntype filter hook prerouting priority raw;\niifname lan0 meta l4proto tcp fib daddr type != local tproxy to ${to} meta mark set 1 accept\n}\n}\n`;
    await onRouter(["nft", "-f", "-"], { input });

    const connection = await dial({ address: target, port: 8080 });
    const { local: wanted, remote, stream } = await accepted.promise;
    expect(wanted).toEqual({ address: target, port: 8080 });
    expect(remote).toEqual(connection.local);
    stream.on("error", () => undefined).end("from the router");
    const [bytes] = (await once(connection.stream, "data")) as [Buffer];
    expect(bytes.toString()).toBe("from the router");
    connection.reset();
    await listener.close();
    // Nobody listens on the WAN side for it: the packet is routed on, and here no route is there.
    await expect(dial({ address: target, port: 8080 })).rejects.toMatchObject({ causeClass: "network" });
  });

  it("listen with a backlog of thousands", async () => {
    const local = { address: "::", port: 0 };
    for (const [backlog, expected] of [
      [undefined, 4096],
      [7, 7],
    ] as const) {
      const options = { transport: "mptcp", local, ...(backlog === undefined ? {} : { backlog }) } as const;
      const listener = await router?.listen(options, () => undefined);
      const { stdout } = await onRouter(["ss", "-Hltn", "sport", "=", `:${listener?.local.port}`]);
      expect(stdout.split(/\s+/)[2]).toBe(String(expected));
      await listener?.close();
    }
  });

  it("leave no descriptor open, whatever fails", async () => {
    const nobody = { address: "192.0.2.2", port: 9 };
    const listener = await router?.listen(
      { transport: "mptcp", local: { address: "192.0.2.2", port: 0 } },
      () => undefined,
    );
    const taken = listener?.local ?? nobody;
    const abort = new AbortController();
    const failing = (): Promise<unknown>[] =>
      (["tcp", "mptcp"] as const).flatMap((transport) => {
        const base = { transport, remote: nobody, timeoutMs: 1000 };
        return [
          client?.dial(base),
          client?.dial({ ...base, device: "nosuchdev" }),
          client?.dial({ ...base, localAddress: "203.0.113.9" }),
          client?.dial({ ...base, remote: { address: "192.0.2.77", port: 1 }, timeoutMs: 20 }),
          client?.dial({ ...base, remote: { address: "192.0.2.78", port: 1 }, signal: abort.signal }),
          router?.listen({ transport, local: taken }, () => undefined),
          router?.listen({ transport, local: { address: "203.0.113.9", port: 1 } }, () => undefined),
        ].map((attempt) => Promise.resolve(attempt));
      });
    const open = (): number => readdirSync("/proc/self/fd").length;
    const before = open();
    const attempts = Array.from({ length: 10 }, failing).flat();
    setTimeout(() => abort.abort(), 10);
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === "fulfilled")).toEqual([]);
    // close(2) follows in the turns after destroy().
    for (let turn = 0; turn < 100 && open() > before; turn++) await new Promise((next) => setImmediate(next));
    expect(open()).toBeLessThanOrEqual(before);
    await listener?.close();
  });
});

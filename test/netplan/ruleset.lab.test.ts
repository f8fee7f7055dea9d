import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { observe } from "../../src/control/observer.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import type { IpChange } from "../../src/linux/iproute.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { createNft } from "../../src/linux/nft.ts";
import type { Connection, Listener } from "../../src/linux/sockets.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import type { RouterIntent } from "../../src/netplan/model.ts";
import { PRIORITY, TABLE_NAME } from "../../src/netplan/own.ts";
import { planRouter } from "../../src/netplan/plan.ts";
import { NEGATIVE_SETS } from "../../src/netplan/ruleset.ts";
import { kernelStateOf, type KernelState } from "../linux/kernelstate-namespace.ts";
import { ip, namespaces, veth } from "../linux/namespaces.ts";

/*
 *   client 192.168.1.2 -- lan0 [router] wan0 10.1.0.2 -- target 198.51.100.1, 10.99.0.1 (private)
 *     2001:db8:100::2                  2001:db8:1::2       2001:db8:5::1
 */
const TARGET = { inet: "198.51.100.1", inet6: "2001:db8:5::1" } as const;
const PRIVATE_TARGET = "10.99.0.1";
const WAN = { inet: "10.1.0.2", inet6: "2001:db8:1::2" } as const;
const PORT = 7000;
const RELAY_PORT = 5000;
const FAMILIES = ["inet", "inet6"] as const;
const INTENT: RouterIntent = {
  lan: ["lan0"],
  wans: [{ name: "wan", device: "wan0", role: "active" }],
  relayPorts: { inet: RELAY_PORT, inet6: RELAY_PORT },
  serverAddresses: [],
  onFailure: "open",
};
/** Long enough for a loaded machine; only what must not answer waits for it. */
const TIMEOUT_MS = 10_000;
const SILENCE_MS = 700;

let closer: Closer;
let router: KernelState;
let client: string;
let target: string;
/** Where each connection ended up, as "relay TARGET" or "target from SOURCE". */
let arrivals: string[];

async function install(intent: RouterIntent): Promise<void> {
  const tool = createIpRoute(router.exec);
  const plan = planRouter(intent, await observe(tool));
  const sysctl = createSysctl(router.path);
  for (const wish of plan.sysctls) if ("value" in wish) sysctl.set(wish.key, wish.value);
  const changes: IpChange[] = [
    ...plan.routes.map((value): IpChange => ({ object: "route", verb: "replace", value })),
    ...plan.rules.map((value): IpChange => ({ object: "rule", verb: "add", value })),
  ];
  expect(await tool.run(changes)).toEqual([]);
  await createNft(router.exec, TABLE_NAME).replace(plan.nft ?? "");
}

/** What keeps packets in while the table is gone. */
async function removeGuards(): Promise<void> {
  const tool = createIpRoute(router.exec);
  const guards = (await tool.rules()).filter(({ priority }) => priority === PRIORITY.unseen);
  expect(guards).toHaveLength(4);
  expect(await tool.run(guards.map((value): IpChange => ({ object: "rule", verb: "del", value })))).toEqual(
    [],
  );
}

/** Answers every byte with the same byte. */
async function echo(netns: string, address: string, port: number, transparent: boolean): Promise<Listener> {
  const sockets = kernelSockets(netnsPath(netns));
  const connections: Connection[] = [];
  const listener = await sockets.listen(
    { transport: "tcp", local: { address, port }, transparent },
    (connection) => {
      connections.push(connection);
      arrivals.push(
        transparent ? `relay ${connection.local.address}` : `target from ${connection.remote.address}`,
      );
      connection.stream.on("error", () => undefined).on("data", (bytes) => connection.stream.write(bytes));
    },
  );
  const close = async (): Promise<void> => {
    await listener.close();
    for (const connection of connections.splice(0)) connection.reset();
  };
  closer.add(`echo on ${address}`, close);
  return { local: listener.local, close };
}

const relay = (family: "inet" | "inet6"): Promise<Listener> =>
  echo(router.netns, family === "inet" ? "127.0.0.1" : "::1", RELAY_PORT, true);

async function connect(address: string, from = client, timeoutMs = TIMEOUT_MS): Promise<Connection> {
  const sockets = kernelSockets(netnsPath(from));
  const connection = await sockets.dial({ transport: "tcp", remote: { address, port: PORT }, timeoutMs });
  connection.stream.on("error", () => undefined);
  closer.add("connection", () => connection.reset());
  return connection;
}

async function roundTrip({ stream }: Connection): Promise<void> {
  const back = once(stream, "data", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  stream.write("x");
  expect(String((await back)[0])).toBe("x");
}

const tracked = async (family: "inet" | "inet6"): Promise<string> =>
  (await router.exec(["conntrack", "-L", "-f", family === "inet" ? "ipv4" : "ipv6", "-p", "tcp"])).stdout;

beforeEach(async () => {
  closer = new Closer();
  arrivals = [];
  const [a = "", b = "", c = ""] = await namespaces(closer, "client", "router", "target");
  [client, router, target] = [a, kernelStateOf(b), c];
  await veth(
    { netns: a, device: "eth0", addresses: ["192.168.1.2/24", "2001:db8:100::2/64"] },
    { netns: b, device: "lan0", addresses: ["192.168.1.1/24", "2001:db8:100::1/64"] },
  );
  await veth(
    { netns: b, device: "wan0", addresses: [`${WAN.inet}/24`, `${WAN.inet6}/64`] },
    { netns: c, device: "eth0", addresses: ["10.1.0.1/24", "2001:db8:1::1/64"] },
  );
  for (const address of [`${TARGET.inet}/32`, `${PRIVATE_TARGET}/32`, `${TARGET.inet6}/128`])
    await ip(`-n ${c} addr add ${address} dev lo`);
  await ip(`-n ${a} route add default via 192.168.1.1`);
  await ip(`-n ${a} -6 route add default via 2001:db8:100::1`);
  await ip(`-n ${b} route add default via 10.1.0.1`);
  await ip(`-n ${b} -6 route add default via 2001:db8:1::1`);
  // The way back into the LAN, which only the firewall may close.
  await ip(`-n ${c} route add 192.168.1.0/24 via ${WAN.inet}`);
  await ip(`-n ${c} -6 route add 2001:db8:100::/64 via ${WAN.inet6}`);
  await echo(target, "::", PORT, false);
});
afterEach(() => closer.close());

describe.each(FAMILIES)("the router's table, %s", (family) => {
  it("leads new connections to the relay, untracked, and leaves those that began directly alone", async () => {
    await install(INTENT);
    const direct = await connect(TARGET[family]);
    await roundTrip(direct);
    expect(arrivals).toEqual([`target from ${WAN[family]}`]);

    const listener = await relay(family);
    const before = await tracked(family);
    const proxied = await connect(TARGET[family]);
    await roundTrip(proxied);
    await roundTrip(direct);
    expect(arrivals).toEqual([`target from ${WAN[family]}`, `relay ${TARGET[family]}`]);
    const entries = (text: string): number =>
      text.split("\n").filter((line) => line.includes("dport=")).length;
    expect(entries(before)).toBe(1);
    expect(entries(await tracked(family))).toBe(1);

    await listener.close();
    await expect.poll(() => proxied.stream.destroyed).toBe(true);
    await roundTrip(await connect(TARGET[family]));
    await roundTrip(direct);
    expect(arrivals.slice(2)).toEqual([`target from ${WAN[family]}`]);
  });

  it("answers from the negative cache until it forgets", async () => {
    await install(INTENT);
    await relay(family);
    const nft = createNft(router.exec, TABLE_NAME);
    await nft.addElements(NEGATIVE_SETS.refused[family], [
      { value: `${TARGET[family]} . ${PORT}`, timeoutMs: 300 },
    ]);
    await expect(connect(TARGET[family])).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(arrivals).toEqual([]);
    await expect
      .poll(() =>
        connect(TARGET[family]).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);

    await nft.addElements(NEGATIVE_SETS.unreachable[family], [
      { value: `${TARGET[family]} . ${PORT}`, timeoutMs: 60_000 },
    ]);
    await expect(connect(TARGET[family])).rejects.toMatchObject({ code: "EHOSTUNREACH" });
    expect(arrivals).toEqual([`relay ${TARGET[family]}`]);
  });

  it("closes no other port of a host of which one is refused or unreachable", async () => {
    await install(INTENT);
    await relay(family);
    const nft = createNft(router.exec, TABLE_NAME);
    for (const set of [NEGATIVE_SETS.refused, NEGATIVE_SETS.unreachable])
      await nft.addElements(set[family], [{ value: `${TARGET[family]} . ${PORT + 1}`, timeoutMs: 60_000 }]);
    await roundTrip(await connect(TARGET[family]));
    expect(arrivals).toEqual([`relay ${TARGET[family]}`]);
  });

  it("does not let a connection in from a WAN", async () => {
    await install(INTENT);
    await echo(client, "::", PORT, false);
    const inside = family === "inet" ? "192.168.1.2" : "2001:db8:100::2";
    await expect(connect(inside, target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    // Without the table nothing passes at all.
    await createNft(router.exec, TABLE_NAME).remove();
    await expect(connect(inside, target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await removeGuards();
    await roundTrip(await connect(inside, target));
  });

  it("blocks what the relay does not take where the operator wants that", async () => {
    await install({ ...INTENT, onFailure: "closed" });
    await expect(connect(TARGET[family])).rejects.toMatchObject({ code: "EHOSTUNREACH" });
    expect(arrivals).toEqual([]);
    await relay(family);
    await roundTrip(await connect(TARGET[family]));
    expect(arrivals).toEqual([`relay ${TARGET[family]}`]);
  });
});

it("routes private destinations beside the relay: a modem's page stays reachable", async () => {
  await install(INTENT);
  await relay("inet");
  await roundTrip(await connect(PRIVATE_TARGET));
  expect(arrivals).toEqual([`target from ${WAN.inet}`]);
});

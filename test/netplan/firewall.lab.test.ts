import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import type { IpChange } from "../../src/linux/iproute.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import type { RouterIntent } from "../../src/netplan/model.ts";
import { PRIORITY, TRANSLATED_PORTS } from "../../src/netplan/own.ts";
import { until } from "../e2e/until.ts";
import { newReconciler, planNow } from "../control/router-under-test.ts";
import { kernelStateOf, type KernelState } from "../linux/kernelstate-namespace.ts";
import { ip, namespaces, veth } from "../linux/namespaces.ts";
import { ALL_TCP, Scanner, USUAL_UDP, type Probe } from "./scanner.ts";

/*
 *   client 192.168.1.2 -- lan0 [router] wan0 10.1.0.2 -- target 198.51.100.1
 *     fd00:1::2                           2001:db8:1::2    2001:db8:5::1
 *                                       wan1 10.2.0.2 -- (the same target)
 *                                         2001:db8:2::2
 */
const TARGET = { inet: "198.51.100.1", inet6: "2001:db8:5::1" } as const;
const ROUTER = { inet: "10.1.0.2", inet6: "2001:db8:1::2" } as const;
const INSIDE = { inet: "192.168.1.2", inet6: "fd00:1::2" } as const;
const FAMILIES = ["inet", "inet6"] as const;
const PORT = 7000;
const TIMEOUT_MS = 10_000;
/** Only what must not be answered waits for it. */
const SILENCE_MS = 400;
const INTENT: RouterIntent = {
  lan: ["lan0"],
  wans: [
    { name: "first", device: "wan0", role: "active" },
    { name: "second", device: "wan1", role: "backup" },
  ],
  relayPorts: { inet: undefined, inet6: undefined },
  serverAddresses: [],
  onFailure: "open",
};

/** What the target counts that must never come out of a WAN. */
const COUNTERS = `table inet seen {
  chain private {
    type filter hook prerouting priority raw; policy accept;
    ip saddr 192.168.0.0/16 counter
    ip6 saddr fc00::/7 counter
  }
}
`;
/** In the words of those who made them, as far as they matter here. */
const FOREIGN = `table ip nat {
  chain DOCKER { iifname "docker0" return; }
  chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump DOCKER; }
  chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
table ip filter {
  chain DOCKER-USER { return; }
  chain ufw-before-input { iifname "lo" accept; ct state related,established accept; ct state invalid drop; }
  chain ufw-user-input { tcp dport 22 accept; tcp dport ${PORT} accept; }
  chain INPUT { type filter hook input priority filter; policy drop; jump ufw-before-input; jump ufw-user-input; }
  chain FORWARD { type filter hook forward priority filter; policy accept; jump DOCKER-USER; oifname "docker0" ct state related,established accept; ct state invalid drop; }
}
`;

let closer: Closer;
let router: KernelState;
let client: string;
let target: string;
let run: string;
let sources: string[];
/** The target's ends. */
let arrived: Connection[];
/** Whether the router keeps quiet for translated flows. */
let guarded: boolean;

beforeEach(async () => {
  closer = new Closer();
  sources = [];
  arrived = [];
  guarded = true;
  run = mkdtempSync(join(tmpdir(), "sennit-test-"));
  closer.add("run directory", () => rmSync(run, { recursive: true }));
  const [a = "", b = "", c = ""] = await namespaces(closer, "client", "router", "target");
  [client, router, target] = [a, kernelStateOf(b), c];
  const lan = { netns: b, device: "lan0", addresses: ["192.168.1.1/24", "fd00:1::1/64"] };
  await veth({ netns: a, device: "eth0", addresses: ["192.168.1.2/24", "fd00:1::2/64"] }, lan);
  for (const [device, number] of [
    ["wan0", 1],
    ["wan1", 2],
  ] as const)
    await veth(
      { netns: b, device, addresses: [`10.${number}.0.2/24`, `2001:db8:${number}::2/64`] },
      { netns: c, device: `eth${number}`, addresses: [`10.${number}.0.1/24`, `2001:db8:${number}::1/64`] },
    );
  await ip(`-n ${c} addr add ${TARGET.inet}/32 dev lo`);
  await ip(`-n ${c} addr add ${TARGET.inet6}/128 dev lo`);
  await ip(`-n ${a} route add default via 192.168.1.1`);
  await ip(`-n ${a} -6 route add default via fd00:1::1`);
  for (const number of [1, 2]) {
    await ip(`-n ${b} route add default via 10.${number}.0.1 metric ${number}`);
    await ip(`-n ${b} -6 route add default via 2001:db8:${number}::1 metric ${number}`);
  }
  // The way into the LAN, which only the firewall may close.
  await ip(`-n ${c} route add 192.168.1.0/24 via 10.1.0.2`);
  await ip(`-n ${c} -6 route add fd00:1::/64 via 2001:db8:1::2`);
  await kernelStateOf(c).exec(["nft", "-f", "-"], { input: COUNTERS });
  for (const netns of [a, b, c]) await listen(netns);
});
afterEach(() => closer.close());

/** Answers every byte with the same byte. */
async function listen(netns: string): Promise<void> {
  const connections: Connection[] = [];
  const listener = await kernelSockets(netnsPath(netns)).listen(
    { transport: "tcp", local: { address: "::", port: PORT } },
    (connection) => {
      connections.push(connection);
      sources.push(connection.remote.address);
      arrived.push(connection);
      connection.stream.on("error", () => undefined).on("data", (bytes) => connection.stream.write(bytes));
    },
  );
  closer.add(`listener in ${netns}`, async () => {
    await listener.close();
    for (const connection of connections) connection.reset();
  });
}

async function connect(
  address: string,
  from: string,
  timeoutMs = TIMEOUT_MS,
  port = PORT,
): Promise<Connection> {
  const sockets = kernelSockets(netnsPath(from));
  const connection = await sockets.dial({ transport: "tcp", remote: { address, port }, timeoutMs });
  connection.stream.on("error", () => undefined);
  closer.add("connection", () => connection.reset());
  return connection;
}

async function roundTrip({ stream }: Connection): Promise<void> {
  const back = once(stream, "data", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  stream.write("x");
  expect(String((await back)[0])).toBe("x");
}

async function apply(intent = INTENT): Promise<void> {
  const outcome = await newReconciler(router.path, run).apply(await planNow(router.path, intent));
  expect(outcome.errors).toEqual([]);
  if (!guarded) await deleteRules(PRIORITY.translatedPorts);
}

async function leaked(): Promise<number> {
  const { stdout } = await kernelStateOf(target).exec(["nft", "list", "table", "inet", "seen"]);
  return [...stdout.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Whether the target sends something again by now. */
async function retransmitted(): Promise<boolean> {
  const { stdout } = await kernelStateOf(target).exec(["ss", "-tniH", "state", "established"]);
  return /backoff:[1-9]/.test(stdout);
}

const flush = (): Promise<unknown> => router.exec(["nft", "flush", "ruleset"]);

async function deleteRules(...priorities: readonly number[]): Promise<void> {
  const tool = createIpRoute(router.exec);
  const rules = (await tool.rules()).filter(({ priority }) => priorities.includes(priority));
  expect(rules.length).toBeGreaterThan(0);
  expect(await tool.run(rules.map((value): IpChange => ({ object: "rule", verb: "del", value })))).toEqual(
    [],
  );
}

/** Datagrams of the LAN to the target. */
async function datagram(family: "inet" | "inet6"): Promise<void> {
  const to = TARGET[family];
  await kernelStateOf(client).exec(["ping", "-c", "2", "-i", "0.05", "-W", "0.2", to], { allow: [0, 1] });
}

describe.each(FAMILIES)("a flushed table, %s", (family) => {
  it("lets nothing out with a private source and cuts no direct flow", async () => {
    await apply();
    const { stream, ...flow } = await connect(TARGET[family], client);
    await roundTrip({ stream, ...flow });
    expect(sources).toEqual([ROUTER[family]]);

    await flush();
    // Sent into the hole from both ends: the kernel's own reset would be the target's answer.
    let received = "";
    stream.on("data", (bytes) => (received += String(bytes)));
    stream.write("from the client");
    await datagram(family);
    await expect(connect(TARGET[family], client, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect(await leaked()).toBe(0);

    await apply();
    await expect.poll(() => received, { timeout: TIMEOUT_MS }).toBe("from the client");
    await roundTrip({ stream, ...flow });
    expect(await leaked()).toBe(0);
  });

  it("would let it out but for the rules", async () => {
    await apply();
    await flush();
    await deleteRules(PRIORITY.unseen);
    const leaks = async (): Promise<number> => datagram(family).then(leaked);
    await expect.poll(leaks, { timeout: TIMEOUT_MS }).toBeGreaterThan(0);
  });

  it("does not end a flow whose replies it cannot translate, which would happen but for the rules", async () => {
    const pushed = async (): Promise<string> => {
      await apply();
      const { stream, ...flow } = await connect(TARGET[family], client);
      await roundTrip({ stream, ...flow });
      const received = new Promise<string>((settle) => {
        stream.once("data", (bytes) => settle(String(bytes))).once("close", () => settle("closed"));
      });
      await flush();
      const { stream: far } = arrived.at(-1) ?? { stream };
      const ended = new Promise<string>((settle) => far.once("close", () => settle("reset")));
      far.write("pushed");
      // One that nobody acknowledges is sent again after 0.2 s at least (TCP_RTO_MIN).
      const again = until(retransmitted, Boolean, TIMEOUT_MS);
      if ((await Promise.race([again, ended])) === "reset") return "reset";
      await apply();
      return received;
    };
    expect(await pushed()).toBe("pushed");
    await apply();
    guarded = false;
    expect(await pushed()).toBe("reset");
  });
});

describe.each(FAMILIES)("a WAN, %s", (family) => {
  it("gets no answer of the router or the LAN, whatever it says it is", async () => {
    await apply();
    const addresses = [ROUTER[family], family === "inet" ? "192.168.1.1" : "fd00:1::1", INSIDE[family]];
    const silent = addresses.map((address) =>
      expect(connect(address, target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" }),
    );
    await Promise.all(silent);
    expect(sources).toEqual([]);
    // From the LAN the same services answer.
    await roundTrip(await connect(family === "inet" ? "192.168.1.1" : "fd00:1::1", client));
  });

  it("is held off beside the tables of docker and ufw, which stay", async () => {
    // nft 1.0.6 wants a line for every statement.
    const input = FOREIGN.replaceAll(/; (?=\S)|\{ (?=\S)/g, "$&\n");
    await router.exec(["nft", "-f", "-"], { input });
    const others = async (): Promise<string> =>
      (await router.exec(["nft", "list", "table", "ip", "filter"])).stdout;
    const before = await others();
    await apply();
    await expect(connect(ROUTER[family], target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await roundTrip(await connect(TARGET[family], client));
    expect(await others()).toBe(before);
    await newReconciler(router.path, run).clean();
    expect(await others()).toBe(before);
  });

  it("that is off and up is closed, and takes nothing of the LAN, whatever main says", async () => {
    // Everything that main knows leads there.
    const off = INTENT.wans.map((wan) => ({ ...wan, role: "off" as const }));
    await apply({ ...INTENT, wans: off });
    for (const address of [ROUTER[family], INSIDE[family]])
      await expect(connect(address, target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    // Told at once: by ICMP, as a firewall of somebody's own would.
    await expect(connect(TARGET[family], client)).rejects.toMatchObject({ code: /EHOSTUNREACH|EACCES/ });
    await datagram(family);
    await flush();
    await datagram(family);
    await expect(connect(INSIDE[family], target, SILENCE_MS)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect([sources, await leaked()]).toEqual([[], 0]);
  });

  it("has an address of the router's that the LAN reaches: open ports serve, closed ones refuse", async () => {
    await apply();
    const [served, closed] = [PORT, PORT + 1];
    await roundTrip(await connect(ROUTER[family], client));
    expect(TRANSLATED_PORTS.first <= served && closed <= TRANSLATED_PORTS.last).toBe(true);
    await expect(connect(ROUTER[family], client, TIMEOUT_MS, closed)).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    await expect(connect(ROUTER[family], target, SILENCE_MS, closed)).rejects.toMatchObject({
      code: "ETIMEDOUT",
    });
  });

  it("that comes back takes new flows and leaves those of the other where they are", async () => {
    const [first, second] = INTENT.wans;
    if (first === undefined || second === undefined) throw new Error("two WANs");
    await apply({ ...INTENT, wans: [{ ...first, carries: false }, second] });
    const old = await connect(TARGET[family], client);
    await apply();
    const fresh = await connect(TARGET[family], client);
    await roundTrip(old);
    await roundTrip(fresh);
    expect(sources).toEqual([family === "inet" ? "10.2.0.2" : "2001:db8:2::2", ROUTER[family]]);
  });
});

const SOME: readonly Probe[] = [...ALL_TCP.slice(0, 1024), { protocol: "tcp", port: PORT }, ...USUAL_UDP];
const STRANGER = { inet: "10.99.0.1", inet6: "fd99::1" } as const;

describe.each(FAMILIES)("a scan from a WAN, %s", (family) => {
  it(
    "of all TCP ports and the usual UDP ports finds nothing, of router and LAN, from any source",
    { timeout: 60_000 },
    async () => {
      const scanner = new Scanner(netnsPath(target), "scan0");
      closer.add("scanner", () => scanner.close());
      const sysctl = createSysctl(netnsPath(target));
      for (const key of ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]) sysctl.set(key, "1");
      await ip(`-n ${target} link set scan0 up`);
      await ip(`-n ${target} route add 10.99.0.0/24 dev scan0`);
      await ip(`-n ${target} -6 route add fd99::/64 dev scan0`);
      await kernelStateOf(client).exec(["nft", "-f", "-"], { input: REACHED });
      const from = STRANGER[family];
      const own = family === "inet" ? "192.168.1.1" : "fd00:1::1";

      // It would see: without Sennit every port answers, be it by a reset.
      const open = (): Promise<number> => scanner.scan(from, ROUTER[family], SOME);
      await expect.poll(open, { timeout: TIMEOUT_MS }).toBeGreaterThan(1000);
      await apply();
      expect(await scanner.scan(from, ROUTER[family], [...ALL_TCP, ...USUAL_UDP])).toBe(0);
      const reachedBefore = await reached();
      for (const source of [from, INSIDE[family], own])
        for (const to of [ROUTER[family], own, INSIDE[family]])
          if (source !== to)
            expect([source, to, await scanner.scan(source, to, SOME)]).toEqual([source, to, 0]);
      // What is answered to a LAN's address goes there.
      expect(await reached()).toBe(reachedBefore);
    },
  );
});

/** What comes to a machine of the LAN. */
const REACHED = `table inet reached {
  chain everything {
    type filter hook prerouting priority raw; policy accept;
    meta l4proto { tcp, udp } counter
    icmp type destination-unreachable counter
    icmpv6 type destination-unreachable counter
  }
}
`;

async function reached(): Promise<number> {
  const { stdout } = await kernelStateOf(client).exec(["nft", "list", "table", "inet", "reached"]);
  return [...stdout.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

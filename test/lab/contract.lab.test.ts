import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { FaultName } from "../../src/lab/faults/kinds.ts";
import { Lab } from "../../src/lab/lab.ts";
import { parseTopology } from "../../src/lab/topology/topology.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { connectedBy } from "./connected.ts";
import { Ends, send, volley, type Passage, type Seen, type UdpEnd } from "./endpoints.ts";
import { ping, quantile, type Ping } from "./measure.ts";
import { udpKind } from "./natprobe.ts";

/*
 *   a (10.0.1.2, .3) --- +                         20 Mbit/s, 2 ms
 *                        nat (192.0.2.1) ==========================  outside (192.0.2.2, .3)
 *   b (10.0.2.2) ------- +                  line, up is from the NAT
 */
const TOPOLOGY = parseTopology(
  `version: 1
hosts:
  a: { interfaces: { wan: [10.0.1.2/24, 10.0.1.3/24] }, routes: [default via 10.0.1.1] }
  b: { interfaces: { wan: [10.0.2.2/24] }, routes: [default via 10.0.2.1] }
  nat:
    nat: { outside: wan }
    dhcp: { interface: b }
    interfaces: { a: [10.0.1.1/24], b: [10.0.2.1/24], wan: [192.0.2.1/24] }
  outside: { interfaces: { wan: [192.0.2.2/24, 192.0.2.3/24] } }
links:
  a: { ends: [a:wan, nat:a] }
  b: { ends: [b:wan, nat:b] }
  line: { ends: [nat:wan, outside:wan], rate: 20 Mbit/s, delay: 2 ms }
`,
  "contract",
);
const OUTSIDE = "192.0.2.2";

const directory = mkdtempSync(join(tmpdir(), "sennit-contract-"));
const TRACE = join(directory, "pauses.trace");
/** 25 KB and a pause, ten times a second. */
writeFileSync(TRACE, "0: 4 Mbit/s\n50 ms: 0\n100 ms: repeat\n");

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up(TOPOLOGY);
  await lab.exec("a")(["ip", "mptcp", "endpoint", "add", "10.0.1.3", "dev", "wan", "subflow"]);
  for (const host of ["a", "outside"]) await lab.exec(host)(["ip", "mptcp", "limits", "set", "subflow", "2"]);
});
afterAll(async () => {
  await lab.down();
  rmSync(directory, { recursive: true });
});
afterEach(async () => void (await lab.heal()));

// -- what a stranger sees

/** Pings from `a`, of IP packets of `size` bytes. */
const pings = async (size: number, options: readonly string[] = []): Promise<string> => {
  const argv = ["ping", "-n", "-c", "1", "-W", "0.3", "-s", String(size - 28), ...options, OUTSIDE] as const;
  return (await lab.exec("a")(["ping", ...argv.slice(1)], { allow: [0, 1] })).stdout;
};
const answered = async (size = 84, ...options: readonly string[]): Promise<boolean> =>
  / 1 received/.test(await pings(size, options));

const hasCarrier = async (host: string): Promise<boolean> =>
  / LOWER_UP|,LOWER_UP/.test((await lab.exec(host)(["ip", "-o", "link", "show", "dev", "wan"])).stdout);

/** Many datagrams from `a` to outside, after one that finds the way. */
async function datagrams(options: Parameters<typeof volley>[3]): Promise<Passage[]> {
  await using ends = new Ends();
  const [from, to] = [await ends.udp(lab, "a"), await ends.udp(lab, "outside", OUTSIDE)];
  await send(from, to, [OUTSIDE, to.port], "hello");
  return await volley(from, to, [OUTSIDE, to.port], options);
}

const arrived = (passages: readonly Passage[]): number[] =>
  passages.flatMap(({ at }) => (at === undefined ? [] : [at]));

/** Of all, to a tenth. */
const tenths = (part: number, whole: number): number => Math.round((part / whole) * 10) / 10;

/** The share that is lost, and whether that is in bursts of about ten, of hardly more than one, or not at all. */
async function losses(): Promise<unknown> {
  const passages = await datagrams({ count: 4000, group: 100, pauseMs: 4 });
  const bursts = passages
    .map(({ at }) => (at === undefined ? "x" : "."))
    .join("")
    .split(/\.+/)
    .filter(Boolean);
  const lost = bursts.reduce((sum, { length }) => sum + length, 0);
  const length = bursts.length === 0 ? 0 : lost / bursts.length;
  const inBursts =
    length > 6 && length < 15
      ? "about ten"
      : length > 2
        ? "what?"
        : length > 0
          ? "hardly more than one"
          : "none";
  return { lost: tenths(lost, passages.length), inBursts };
}

/** Mbit/s with all headers, of datagrams sent as fast as the link takes them, and the longest pause among them. */
async function throughput(): Promise<{ rate: number; pauseMs: number }> {
  const [size, count] = [1200, 120];
  const times = arrived(await datagrams({ count, size, group: count })).toSorted((one, other) => one - other);
  const tookMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  return { rate: ((size + 42) * 8 * (times.length - 1)) / tookMs / 1000, pauseMs: Math.max(...gaps) };
}

async function roundTrips(): Promise<Ping> {
  return ping(lab, "a", OUTSIDE, { count: 30, every: 10 });
}

/** How many datagrams were overtaken by a later one. */
async function overtaken(): Promise<unknown> {
  const passages = await datagrams({ count: 300, group: 1, pauseMs: 1 });
  const late = passages.filter(
    ({ at }, index) =>
      at !== undefined && passages.slice(index + 1).some((later) => (later.at ?? Infinity) < at),
  );
  return { arrived: arrived(passages).length, overtaken: tenths(late.length, passages.length) };
}

let port = 4000;

/** An MPTCP connection from `a` to outside, and the subflows it comes to. */
async function mptcp(): Promise<unknown> {
  const at = { address: "::", port: ++port };
  const { client, server, close } = await connectedBy(
    (onConnection) =>
      kernelSockets(lab.netns("outside")).listen({ transport: "mptcp", local: at }, onConnection),
    () =>
      kernelSockets(lab.netns("a")).dial({
        transport: "mptcp",
        remote: { address: OUTSIDE, port: at.port },
        timeoutMs: 3000,
      }),
  );
  // Only a connection that has carried bytes both ways gets more subflows.
  server.stream.pipe(server.stream);
  client.stream.write("hello");
  const established = (): number =>
    client.info()?.subflows.filter(({ state }) => state === "established").length ?? 0;
  for (const end = performance.now() + 400; performance.now() < end && established() < 2;) await sleep(5);
  const found = { mptcp: client.info()?.mptcp, subflows: established() };
  await close();
  return found;
}

async function tcpConnects(): Promise<boolean> {
  const at = { address: "::", port: ++port };
  const listener = await kernelSockets(lab.netns("outside")).listen(
    { transport: "tcp", local: at },
    (connection) => connection.reset(),
  );
  const remote = { address: OUTSIDE, port: at.port };
  const dialled = kernelSockets(lab.netns("a")).dial({ transport: "tcp", remote, timeoutMs: 1000 });
  const connects = await dialled.then(
    (connection) => (connection.reset(), true),
    () => false,
  );
  await listener.close();
  return connects;
}

async function udpPasses(): Promise<boolean> {
  return (await seenFrom(150)) !== undefined;
}

/** Whom a datagram from `a` seems to come from. */
async function seenFrom(limitMs = 3000): Promise<Seen | undefined> {
  await using ends = new Ends();
  const [from, to] = [await ends.udp(lab, "a"), await ends.udp(lab, "outside", OUTSIDE)];
  return await send(from, to, [OUTSIDE, to.port], "hello", limitMs);
}

const kind = () =>
  udpKind({ lab, inside: "a", neighbour: "b", outside: "outside", addresses: [OUTSIDE, "192.0.2.3"] });

// -- the contract

interface Clause {
  readonly target: string;
  readonly value?: string;
  /** What is seen from outside. */
  readonly look: () => Promise<unknown>;
  readonly without: unknown;
  readonly with: unknown;
}

const near = (value: number, wanted: number, share: number): boolean => Math.abs(value / wanted - 1) < share;

/** Every fault; that none is missing is for the compiler to see. `nat-reboot` is over at once, and has a test of its own. */
const CONTRACT: Readonly<Record<Exclude<FaultName, "nat-reboot">, Clause>> = {
  down: {
    target: "line",
    look: async () => [await hasCarrier("outside"), await answered()],
    without: [true, true],
    with: [false, false],
  },
  blackhole: {
    target: "line:down",
    look: async () => [await hasCarrier("outside"), await answered()],
    without: [true, true],
    with: [true, false],
  },
  loss: {
    target: "line:up",
    value: "30 %",
    look: losses,
    without: { lost: 0, inBursts: "none" },
    with: { lost: 0.3, inBursts: "hardly more than one" },
  },
  "burst-loss": {
    target: "line:up",
    value: "30 % in bursts of 10",
    look: losses,
    without: { lost: 0, inBursts: "none" },
    with: { lost: expect.toSatisfy((lost: number) => lost >= 0.2 && lost <= 0.4), inBursts: "about ten" },
  },
  rate: {
    target: "line:up",
    value: "4 Mbit/s",
    look: throughput,
    without: { rate: expect.toSatisfy((rate: number) => near(rate, 20, 0.2)), pauseMs: expect.any(Number) },
    with: { rate: expect.toSatisfy((rate: number) => near(rate, 4, 0.1)), pauseMs: expect.any(Number) },
  },
  "rate-trace": {
    target: "line:up",
    value: TRACE,
    look: async () => (await throughput()).pauseMs > 40,
    without: false,
    with: true,
  },
  delay: {
    target: "line:up",
    value: "40 ms",
    // To 10 ms.
    look: async () => Math.round(quantile(await roundTrips(), 0) / 10) * 10,
    without: 0,
    with: 40,
  },
  jitter: {
    target: "line:up",
    value: "20 ms",
    look: async () => {
      const times = await roundTrips();
      return quantile(times, 0.9) - quantile(times, 0.1) > 15;
    },
    without: false,
    with: true,
  },
  reorder: {
    target: "line:up",
    value: "30 % by 20 ms",
    look: overtaken,
    without: { arrived: 300, overtaken: 0 },
    with: { arrived: 300, overtaken: expect.toSatisfy((share: number) => share >= 0.2 && share <= 0.4) },
  },
  "mtu-blackhole": {
    target: "line:up",
    value: "1200",
    look: async () => ({
      exact: await answered(1200, "-M", "do"),
      above: await answered(1201, "-M", "do"),
      fragmentable: await answered(1201, "-M", "dont"),
      told: /too long|[Ff]rag needed/.test(await pings(1400, ["-M", "do"])),
    }),
    without: { exact: true, above: true, fragmentable: true, told: false },
    with: { exact: true, above: false, fragmentable: false, told: false },
  },
  "block-udp": {
    target: "line",
    look: async () => ({ udp: await udpPasses(), tcp: await tcpConnects(), icmp: await answered() }),
    without: { udp: true, tcp: true, icmp: true },
    with: { udp: false, tcp: true, icmp: true },
  },
  "block-mp-join": {
    target: "line",
    look: mptcp,
    without: { mptcp: true, subflows: 2 },
    with: { mptcp: true, subflows: 1 },
  },
  "strip-mptcp": {
    target: "nat",
    look: mptcp,
    without: { mptcp: true, subflows: 2 },
    with: { mptcp: false, subflows: expect.any(Number) },
  },
  "nat-mapping": {
    target: "nat",
    value: "address-and-port-dependent",
    look: async () => (await kind()).mapping,
    without: "endpoint-independent",
    with: "address-and-port-dependent",
  },
  "nat-filtering": {
    target: "nat",
    value: "endpoint-independent",
    look: async () => (await kind()).filtering,
    without: "address-and-port-dependent",
    with: "endpoint-independent",
  },
  "nat-ports": {
    target: "nat",
    value: "changed",
    look: async () => (await kind()).ports,
    without: "preserved",
    with: "changed",
  },
  "nat-hairpin": {
    target: "nat",
    value: "true",
    look: async () => (await kind()).hairpin,
    without: false,
    with: true,
  },
  "public-address": {
    target: "nat",
    value: "192.0.2.77",
    look: async () => (await seenFrom())?.from,
    without: "192.0.2.1",
    with: "192.0.2.77",
  },
  renumber: {
    target: "nat:b",
    value: "10.77.0.1/24",
    look: async () =>
      Promise.all(
        ["10.0.2.1", "10.77.0.1"].map(
          async (address) => (await ping(lab, "a", address, { count: 1 })).received,
        ),
      ),
    without: [1, 0],
    with: [0, 1],
  },
  "wan-address": {
    target: "b:wan",
    value: "10.0.2.77",
    look: async () =>
      Promise.all(
        ["10.0.2.2", "10.0.2.77"].map(
          async (address) => (await ping(lab, "nat", address, { count: 1 })).received,
        ),
      ),
    without: [1, 0],
    with: [0, 1],
  },
};

/** What is seen comes to that: a busy machine lets the kernel take a moment, and a measurement slip. */
const sees = (look: Clause["look"], wanted: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await look()).toEqual(wanted), { timeout: 10_000 });

describe("every fault is seen from outside, and only while it is there", () => {
  test.each(Object.entries(CONTRACT) as [FaultName, Clause][])(
    "%s",
    async (fault, { target, value, look, without, with: expected }) => {
      await sees(look, without);
      await lab.fault(fault, target, value);
      await sees(look, expected);
      expect(await lab.heal(fault, target)).toHaveLength(1);
      await sees(look, without);
    },
  );

  test("nat-reboot", async () => {
    await using ends = new Ends();
    const [inside, outside] = [await ends.udp(lab, "a"), await ends.udp(lab, "outside", OUTSIDE)];
    const opened = async (text: string): Promise<Seen> =>
      (await send(inside, outside, [OUTSIDE, outside.port], text)) ?? { from: "", port: 0 };
    const answers = async (text: string, { from, port }: Seen, to: UdpEnd = inside): Promise<boolean> =>
      (await send(outside, to, [from, port], text, 150)) !== undefined;
    const door = await opened("hello");
    expect(await answers("one", door)).toBe(true);
    await lab.fault("nat-reboot", "nat");
    expect(await answers("two", door)).toBe(false);
    expect(await answers("three", await opened("hello again"))).toBe(true);
  });
});

describe("faults of one link", () => {
  test("lie on top of each other, and each is taken back alone", async () => {
    await lab.fault("block-udp", "line:up");
    await lab.fault("mtu-blackhole", "line:down", "1000");
    expect([await udpPasses(), await answered(1000), await answered(1001)]).toEqual([false, true, false]);
    await lab.heal("block-udp");
    expect([await udpPasses(), await answered(1001)]).toEqual([true, false]);
    await lab.heal();
    expect(await answered(1001)).toBe(true);
  });
});

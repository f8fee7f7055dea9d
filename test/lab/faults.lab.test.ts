import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connectedBy, type Connected } from "./connected.ts";
import type { FaultName } from "../../src/lab/faults/kinds.ts";
import { Lab } from "../../src/lab/lab.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { endsOf, ping, quantile, throughput } from "./measure.ts";

const SERVER = "203.0.113.10";
const WEB = "203.0.113.80";
/** A busy machine's share of a round trip. */
const LATE_MS = 3;

/** Where the machine itself was taken away for a while (a virtual one on a busy host), measure again. */
const RETRY = { retry: 2 };

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up("cascade");
});
afterAll(() => lab.down());
afterEach(async () => void (await lab.heal()));

/** The address that the web host sees when the router asks by this device; empty when no answer comes. */
async function seenFrom(device: string): Promise<string> {
  const { stdout } = await lab.exec("router")(
    ["curl", "-s", "--max-time", "1", "--interface", device, `http://${WEB}/hello`],
    // 7: refused, 28: too late, 45: the device has no address.
    { allow: [0, 7, 28, 45] },
  );
  return stdout.replace("hello ", "").trim();
}

/** How many of some pings from the router come back by this device. */
const replies = async (device: string, count = 3): Promise<number> =>
  (await ping(lab, "router", SERVER, { device, count, every: 5 })).received;

async function flagsOf(host: string, device: string): Promise<string> {
  const { stdout } = await lab.exec(host)(["ip", "-o", "link", "show", "dev", device]);
  return /<(.*)>/.exec(stdout)?.[1] ?? "";
}

const counters = (link: string) => lab.link(link).counters();

describe("a link that is down", () => {
  test("both ends lose the carrier and nothing else, and get it back", async () => {
    await lab.fault("down", "fibre");
    expect(lab.faults).toEqual([{ fault: "down", target: "fibre", value: undefined }]);
    expect(await flagsOf("router", "fibre")).toContain("NO-CARRIER");
    expect(await flagsOf("cpe-fibre", "lan")).toContain("NO-CARRIER");
    expect(await replies("fibre")).toBe(0);
    expect(await replies("lte")).toBe(3);

    await lab.heal("down", "fibre");
    expect(await flagsOf("router", "fibre")).toContain("LOWER_UP");
    expect(await replies("fibre")).toBe(3);
  });

  test("a cable as well, with the routes through it", async () => {
    const routes = (): Promise<string> =>
      lab
        .exec("cgnat")(["ip", "route", "show", "default"])
        .then(({ stdout }) => stdout);
    const before = await routes();
    await lab.fault("down", "carrier");
    expect(await replies("lte")).toBe(0);
    expect(await routes()).toBe("");
    await lab.heal();
    expect(await replies("lte")).toBe(3);
    expect(await routes()).toBe(before);
  });

  test("IPv6 stays where it was through off and on", async () => {
    await lab.fault("down", "users");
    await lab.heal();
    const { received } = await ping(lab, "users", "fd00:10::1", { count: 3 });
    expect(received).toBe(3);
  });
});

describe("a black hole", () => {
  test("swallows everything, and nobody is told", async () => {
    const before = await counters("fibre");
    await lab.fault("blackhole", "fibre");
    expect(await flagsOf("router", "fibre")).toContain("LOWER_UP");
    expect(await replies("fibre")).toBe(0);
    expect((await counters("fibre")).up.cut).toBeGreaterThan(before.up.cut);
    await lab.heal();
    expect(await replies("fibre")).toBe(3);
  });

  test.each(["up", "down"] as const)("in one direction: %s", async (direction) => {
    await lab.fault("blackhole", `lte:${direction}`);
    const before = await counters("lte");
    expect(await replies("lte")).toBe(0);
    const after = await counters("lte");
    // What is asked gets there, or the answer is under way, but not both.
    expect(after.up.cut > before.up.cut).toBe(direction === "up");
    expect(after.down.cut > before.down.cut).toBe(direction === "down");
    expect(after.up.delivered > before.up.delivered).toBe(direction === "down");
    await lab.heal();
    expect(await replies("lte")).toBe(3);
  });

  test.each(["carrier", "carrier:up", "carrier:down"])("on a plain cable: %s", async (target) => {
    await lab.fault("blackhole", target);
    expect(await replies("lte")).toBe(0);
    await lab.heal();
    expect(await replies("lte")).toBe(3);
  });
});

describe("a link that is worse", () => {
  test("loss", async () => {
    const before = await counters("fibre");
    await lab.fault("loss", "fibre:up", "30 %");
    const { received } = await ping(lab, "router", SERVER, { device: "fibre", count: 300, every: 2 });
    // 210 expected; four standard deviations are 32.
    expect(received).toBeGreaterThan(178);
    expect(received).toBeLessThan(242);
    const { up, down } = await counters("fibre");
    expect(up.lost - before.up.lost).toBeGreaterThanOrEqual(300 - received);
    expect(down.lost).toBe(before.down.lost);
    await lab.heal();
    expect(await replies("fibre", 50)).toBe(50);
  });

  test("delay, and jitter in order", RETRY, async () => {
    await lab.fault("delay", "fibre", "40 ms");
    const later = await ping(lab, "router", SERVER, { device: "fibre" });
    expect(quantile(later, 0)).toBeGreaterThan(79);
    expect(quantile(later, 0.5)).toBeLessThan(80 + LATE_MS);
    await lab.fault("jitter", "fibre", "10 ms");
    const uneven = await ping(lab, "router", SERVER, { device: "fibre", count: 40, every: 30 });
    // Two ways of 10 ms each: a deviation of 14 ms, so the middle half of the times is some 19 ms wide.
    expect(quantile(uneven, 0.75) - quantile(uneven, 0.25)).toBeGreaterThan(8);
    await lab.heal("jitter");
    expect(lab.faults).toEqual([{ fault: "delay", target: "fibre", value: "40 ms" }]);
    await lab.heal();
    expect(quantile(await ping(lab, "router", SERVER, { device: "fibre" }), 0.5)).toBeLessThan(16 + LATE_MS);
  });

  test("rate", RETRY, async () => {
    const ends = endsOf(lab, lab.link("fibre").spec);
    await lab.fault("rate", "fibre:down", "5 Mbit/s");
    expect(lab.link("fibre").state.up.rate).toBe(40e6);
    expect(await throughput(lab, ends, "down", 1)).toBeLessThan(5e6);
    // The same again takes the place of the first.
    await lab.fault("rate", "fibre:down", "20 Mbit/s");
    expect(lab.faults).toHaveLength(1);
    const rate = await throughput(lab, ends, "down", 1);
    expect(rate).toBeGreaterThan(17e6);
    expect(rate).toBeLessThan(20e6);
    await lab.heal();
    expect(await throughput(lab, ends, "down", 1)).toBeGreaterThan(80e6);
  });
});

/** Connections from the router by one device to the web host, and the web host's ends of them. */
function connected(transport: "mptcp" | "tcp", device: string, port: number): Promise<Connected> {
  return connectedBy(
    (onConnection) =>
      kernelSockets(lab.netns("web")).listen({ transport, local: { address: "::", port } }, onConnection),
    () =>
      kernelSockets(lab.netns("router")).dial({
        transport,
        device,
        remote: { address: WEB, port },
        timeoutMs: 5000,
      }),
  );
}

describe("a middlebox that strips MPTCP", () => {
  const isMptcp = async (port: number): Promise<boolean | undefined> => {
    const { client, close } = await connected("mptcp", "fibre", port);
    const mptcp = client.info()?.mptcp;
    await close();
    return mptcp;
  };

  test("connections fall back to TCP, and no longer do", async () => {
    expect(await isMptcp(4001)).toBe(true);
    await lab.fault("strip-mptcp", "cpe-fibre");
    expect(await isMptcp(4002)).toBe(false);
    await lab.heal();
    expect(await isMptcp(4003)).toBe(true);
  });
});

describe("a NAT that reboots", () => {
  test("knows no connection any more, and takes new ones", async () => {
    const { client, server, close } = await connected("tcp", "fibre", 4010);
    client.stream.write("before");
    await once(server.stream, "data");
    expect(lab.host("cpe-fibre").nat?.entries).toBeGreaterThan(0);

    await lab.fault("nat-reboot", "cpe-fibre");
    // It is over at once: there is nothing to heal.
    expect(lab.faults).toEqual([]);
    let got = "";
    server.stream.on("data", (data: Buffer) => (got += String(data)));
    client.stream.write("after");
    // Sent again and again, and never through.
    await vi.waitFor(() => expect(client.info()?.bytesRetrans).toBeGreaterThan(0), { timeout: 5000 });
    expect(got).toBe("");
    await close();
    expect(await seenFrom("fibre")).toBe("198.51.100.2");
  });
});

describe("an address that changes", () => {
  test("the NAT's public address", async () => {
    const { client, close } = await connected("tcp", "fibre", 4020);
    const acked = client.info()?.bytesAcked;
    await lab.fault("public-address", "cpe-fibre");
    client.stream.write("lost");
    const changed = await seenFrom("fibre");
    expect(changed).toMatch(/^198\.51\.100\.(?!2$)\d+$/);
    await lab.fault("public-address", "cpe-fibre");
    const again = await seenFrom("fibre");
    expect(again).toMatch(/^198\.51\.100\.(?!2$)\d+$/);
    expect(again).not.toBe(changed);
    expect(client.info()?.bytesAcked).toBe(acked);
    await lab.fault("public-address", "cgnat", "192.0.2.99");
    expect(await seenFrom("lte")).toBe("192.0.2.99");

    await lab.heal();
    expect(await seenFrom("fibre")).toBe("198.51.100.2");
    expect(await seenFrom("lte")).toBe("192.0.2.2");
    await close();
  });

  test("the router's own, while its NAT keeps the public one", async () => {
    const addresses = async (): Promise<string> =>
      (await lab.exec("router")(["ip", "-4", "-o", "addr", "show", "dev", "fibre"])).stdout;
    const routes = async (): Promise<string> => (await lab.exec("router")(["ip", "route"])).stdout;
    const before = await routes();
    await lab.fault("wan-address", "router:fibre", "192.168.1.77");
    expect(await addresses()).toContain("192.168.1.77/24");
    expect(await addresses()).not.toContain("192.168.1.2/24");
    expect((await routes()).replaceAll("192.168.1.77", "192.168.1.2")).toBe(before);
    expect(await seenFrom("fibre")).toBe("198.51.100.2");
    await lab.heal();
    expect(await addresses()).toContain("192.168.1.2/24");
    expect(await routes()).toBe(before);
  });
});

describe("what cannot go wrong", () => {
  test.each<[FaultName, string, string | undefined, RegExp]>([
    ["down", "nowhere", undefined, /link "nowhere".*fibre/],
    ["down", "fibre:up", undefined, /link "fibre:up"/],
    ["down", "fibre", "5", /no value for down/],
    ["blackhole", "fibre:sideways", undefined, /fibre:up or fibre:down/],
    ["loss", "fibre", undefined, /no value.*0\.5 %/],
    ["loss", "fibre", "101 %", /101 %.*0\.5 %/],
    ["rate", "lan", "1 Mbit/s", /plain cable/],
    ["strip-mptcp", "users", undefined, /mikrotik.*core/],
    ["nat-reboot", "core", undefined, /mikrotik, cpe-fibre, cpe-lte or cgnat/],
    ["public-address", "cgnat", "10.0.0.1", /192\.0\.2\.2\/24/],
    ["wan-address", "router:nowhere", undefined, /router:lan, router:fibre or router:lte/],
    ["wan-address", "users:lan", undefined, /exactly one IPv4/],
  ])("%s %s %s", async (fault, target, value, message) => {
    await expect(lab.fault(fault, target, value)).rejects.toMatchObject({
      causeClass: "config",
      message: expect.stringMatching(message),
    });
    expect(lab.faults).toEqual([]);
  });
});

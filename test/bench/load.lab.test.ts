import { afterAll, beforeAll, expect, test } from "vitest";
import { WEB, SERVER, type Contestant } from "../../bench/contestant.ts";
import { Helper } from "../../bench/load/helper.ts";
import { transfer } from "../../bench/load/iperf.ts";
import { flowsAnswer } from "../../bench/load/flows.ts";
import { requestsAnswer } from "../../bench/load/requests.ts";
import { Program } from "../../bench/peers/program.ts";
import { Stand } from "../../bench/stand.ts";
import { unshaped, type Site } from "../../bench/sites.ts";
import { Closer } from "../../src/base/closer.ts";

/**
 *   user --- router --- nat1 --- internet --- web
 *                                     \--- server     what is measured must go through here
 *
 * The router is a plain one: it masquerades and sends everything straight to the web host. Whoever measures it must see that.
 */
const MASQUERADE = `table ip bench {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan1" masquerade
  }
}
`;
const NAT_ADDRESS = "198.51.100.2";

/** `claims`: says that what it carries meets at the server. */
const plainRouter = (claims: boolean): Contestant => ({
  name: "plain router",
  version: () => Promise.resolve("plain router"),
  async start(lab, { client }) {
    await lab.exec("router")(["sysctl", "-w", "net.ipv4.ip_forward=1"]);
    await lab.exec("router")(["nft", "-f", "-"], { input: MASQUERADE });
    return {
      way: { client, address: WEB.address, wrapper: [], crossesServer: claims },
      log: () => Promise.resolve("all went straight"),
    };
  },
});

const closer = new Closer();
let site: Site;
let straight: Stand;

beforeAll(async () => {
  site = await unshaped();
  straight = await Stand.open(plainRouter(true), site, { closer });
});
afterAll(() => closer.close());

const SHORT = { streams: 1, seconds: 1 } as const;

test.each(["down", "up"] as const)("bytes that go %s past the server are refused", async (direction) => {
  await expect(transfer(straight, { ...SHORT, direction })).rejects.toMatchObject({
    code: "bench-load",
    message: expect.stringMatching(/plain router: only \d % of the bytes went through the server.*straight/),
  });
});

test("where they may go straight, the goodput is what came, on several streams by several clients too", async () => {
  const honest = await Stand.open(plainRouter(false), site, { closer });
  const before = await honest.lab.link("web").counters();
  const { rate, cpuPerGb } = await transfer(honest, { direction: "up", streams: 8, clients: 4, seconds: 1 });
  const after = await honest.lab.link("web").counters();
  const bits = (after.down.bytes - before.down.bytes) * 8;
  // One second of two counts, and it is not faster than all that came.
  expect(rate).toBeGreaterThan(bits / 20);
  expect(rate).toBeLessThan(bits);
  // Nothing runs on the router and the server.
  expect(cpuPerGb).toBe(0);
});

test("a request that went another way than it must is refused, and the right one is timed", async () => {
  const ask = async (seenAs: string): Promise<unknown> => {
    const helper = await Helper.start(straight.lab, "user", "requests-main");
    try {
      const errand = { address: WEB.address, seenAs, together: 2, count: 6, ms: 10_000 };
      return await helper.ask(errand, requestsAnswer);
    } finally {
      await helper.stop();
    }
  };
  await expect(ask(SERVER.address)).rejects.toMatchObject({
    code: "bench-load",
    message: expect.stringContaining(`hello ${NAT_ADDRESS}`),
  });
  expect(await ask(NAT_ADDRESS)).toMatchObject({ answered: 6 });
});

test("flows stay open between errands, and their end is noticed", async () => {
  const echo = await Helper.start(straight.lab, WEB.host, "echo-main");
  closer.add("echo", () => echo.stop());
  await echo.ask({}, flowsAnswer.partial());
  const users = await Helper.start(straight.lab, "user", "flows-main");
  closer.add("users", () => users.stop());
  const open = {
    kind: "open",
    address: WEB.address,
    seenAs: NAT_ADDRESS,
    count: 30,
    together: 7,
    bytes: 100,
  };
  const all = { open: 30, failed: 0, why: null };
  expect(await users.ask(open, flowsAnswer)).toMatchObject({ ...all, answered: 30 });
  const check = { kind: "check", every: 10, bytes: 100 };
  expect(await users.ask(check, flowsAnswer)).toMatchObject({ ...all, answered: 3 });
  const burst = { kind: "burst", bytes: 5000 };
  expect(await users.ask(burst, flowsAnswer)).toMatchObject({ ...all, answered: 30 });
  const chat = { kind: "chat", bytes: 2000, everyMs: 40, ms: 90 };
  const { answered, ...chatted } = await users.ask(chat, flowsAnswer);
  expect(chatted).toMatchObject(all);
  expect(answered).toBeGreaterThanOrEqual(60);
  await echo.stop();
  // Those that have not heard of it yet fail when they are tried.
  await expect.poll(async () => (await users.ask(burst, flowsAnswer)).open).toBe(0);
});

test("a peer's program that ends, or does not listen, is told with what it said", async () => {
  const broken = await Program.start(straight.lab, "server", ["iperf3", "--server", "--port", "no-port"]);
  closer.add("broken", () => broken.stop());
  await expect(broken.listens(5201)).rejects.toMatchObject({
    code: "bench-program",
    message: expect.stringMatching(
      /^iperf3 on server does not listen on port 5201 and has ended; it said: [^]*port/,
    ),
  });
});

import { basename } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import type { Child } from "../../src/linux/process.ts";
import { kernelStateOf, type KernelState } from "../linux/kernelstate-namespace.ts";
import { download, hello, type Ask } from "./http.ts";
import { openPair, openSite, PUBLIC, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * What the kernel of the router holds, and where connections go, while parts of Sennit die and come back.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;
let kernel: KernelState;
let user: Ask;
let before: string;

beforeAll(async () => {
  site = await openSite(closer);
  kernel = kernelStateOf(basename(site.lab.netns("router")));
  user = { from: site.sockets("users"), to: WEB.v4 };
  await moveIn();
  before = await kernel.snapshot();
});
afterAll(() => closer.close());

const MB = 1_000_000;
/** The promise is that LAN connections go out directly within 3 s; a machine that runs other tests may be slower. */
const FAIL_OPEN_MS = 15_000;

/** Somebody else's state, which is to survive everything. */
async function moveIn(): Promise<void> {
  for (const words of [
    "rule add priority 8300 from 192.168.1.77 lookup 8301 protocol 84",
    "-6 rule add priority 40000 from fd00:10::/64 lookup 200",
    "route add 198.18.0.0/15 via 192.168.1.1 dev fibre table 8301 proto 84",
    "-6 route add blackhole 2001:db8:dead::/48",
    "mptcp limits set subflow 3 add_addr_accepted 1",
    "mptcp endpoint add 10.0.0.1 dev lan id 7 signal",
  ])
    await kernel.ip(words);
  const rules =
    "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\ttcp dport 9 drop\n\t}\n}\n";
  await kernel.exec(["nft", "-f", "-"], { input: rules });
}

/** Who the web host thinks the user is; "nobody" where the connection failed. */
const seenAs = (): Promise<string> => hello(user).catch(() => "nobody");
const direct = (who: string): boolean => who === PUBLIC.fibre || who === PUBLIC.lte;
const bonding = (who: string): boolean => who === SERVER.v4;

const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

async function dataPid(role: "router" | "server"): Promise<number> {
  const { data } = await site.pair.status(role);
  if (data.pid === null) throw new Error(`the ${role} has no data process`);
  return data.pid;
}

let server: Child;
let router: Child;

/** Both at work, whatever the test before has left. */
async function bothUp(): Promise<void> {
  if (!(await isRunning("server"))) server = await site.pair.start("server");
  if (!(await isRunning("router"))) router = await site.pair.start("router");
  await site.pair.until("router", bonded);
}

const isRunning = (role: "router" | "server"): Promise<boolean> =>
  site.pair.status(role).then(
    () => true,
    () => false,
  );

it("comes up by itself when the server starts later than the router", async () => {
  router = await site.pair.start("router");
  await site.pair.until("router", ({ problems }) => problems.some(({ code }) => code === "no-carrier"));
  expect(await seenAs()).toSatisfy(direct);
  server = await site.pair.start("server");
  await site.pair.until("router", bonded);
  expect(await seenAs()).toBe(SERVER.v4);
});

it("has changed the router's kernel, and takes all of it back when stopped", async () => {
  await bothUp();
  expect(await kernel.snapshot()).not.toBe(before);
  await site.pair.stop("router");
  expect(await kernel.snapshot()).toBe(before);
});

it.each([
  ["control alone", false],
  ["both processes", true],
])("takes all of it back with `router clean` after a kill -9 of %s", async (_, both) => {
  await bothUp();
  const data = await dataPid("router");
  router.kill("SIGKILL");
  if (both) process.kill(data, "SIGKILL");
  await router.exited;
  // What is left of the rules leads nowhere, and so back to the routing table.
  if (both) await until(seenAs, direct, FAIL_OPEN_MS);
  expect(await kernel.snapshot()).not.toBe(before);
  const said = await site.pair.sennit("router", ["router", "clean"]);
  expect(said).toMatch(/^took back \d+ changes in the kernel$/m);
  expect(said.includes("stopped the data process")).toBe(!both);
  expect(await kernel.snapshot()).toBe(before);
});

it("lets traffic go on without control; the next control adopts the data process", async () => {
  await bothUp();
  const data = await dataPid("router");
  const progress = { bytes: 0 };
  // Slow enough for a busy machine to start a program meanwhile.
  const size = 20 * MB;
  await site.lab.fault("rate", "fibre:down", "20 Mbit/s");
  await site.lab.fault("rate", "lte:down", "10 Mbit/s");
  const seen = new Set<string>();
  const killAndRestart = async (): Promise<void> => {
    await until(
      () => progress.bytes,
      (bytes) => bytes > size / 6,
    );
    router.kill("SIGKILL");
    await router.exited;
    router = await site.pair.start("router");
    const up = site.pair.until("router", bonded);
    for (let done = false; !done; done = await isSettled(up)) seen.add(await seenAs());
    expect((await up).data).toMatchObject({ pid: data, restarts: 0 });
    // The download has seen both the death and the new control.
    expect(progress.bytes).toBeLessThan(size);
    await site.lab.heal();
  };
  const [received] = await Promise.all([download(user, size, "control", progress), killAndRestart()]);
  expect(received).toEqual({ bytes: size, sha256: expectedSha256(size, "control") });
  expect([...seen]).toEqual([SERVER.v4]);
});

it("sends new connections out directly while the data process is dead, and takes them back", async () => {
  await bothUp();
  const data = await dataPid("router");
  // Stopped, control cannot bring the data process back while we look.
  router.kill("SIGSTOP");
  process.kill(data, "SIGKILL");
  await until(seenAs, direct, FAIL_OPEN_MS);
  router.kill("SIGCONT");
  await until(seenAs, bonding, 10_000);
  const { data: restarted } = await site.pair.until("router", bonded);
  expect(restarted.restarts).toBe(1);
  expect(restarted.pid).not.toBe(data);
});

it("sends new connections out directly while the server is dead, and takes them back", async () => {
  await bothUp();
  const data = await dataPid("server");
  server.kill("SIGKILL");
  process.kill(data, "SIGKILL");
  expect(await until(seenAs, direct, FAIL_OPEN_MS)).toSatisfy(direct);
  await site.pair.until("router", ({ state }) => state.name === "down");
  await site.pair.start("server");
  await until(seenAs, bonding, 15_000);
});

it("refuses new connections while the data process or the server is dead, where the config says so", async () => {
  await site.pair.down();
  site = await openPair(closer, site.lab, { relay: { onFailure: "closed" } });
  await bothUp();
  const refused = "EHOSTUNREACH";
  const data = await dataPid("router");
  router.kill("SIGSTOP");
  process.kill(data, "SIGKILL");
  await until(outcome, (seen) => seen === refused, FAIL_OPEN_MS);
  router.kill("SIGCONT");
  await until(outcome, (seen) => seen === SERVER.v4, 10_000);

  await site.pair.stop("server");
  await until(outcome, (seen) => seen === refused, FAIL_OPEN_MS);
  await site.pair.start("server");
  await until(outcome, (seen) => seen === SERVER.v4, 15_000);
});

/** Who the web host sees, or with which error the user is turned away; going out directly is never allowed here. */
async function outcome(): Promise<string> {
  const seen = await hello(user).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
  expect([PUBLIC.fibre, PUBLIC.lte]).not.toContain(seen);
  return seen;
}

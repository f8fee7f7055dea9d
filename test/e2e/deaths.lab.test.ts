import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { createConntrack } from "../../src/linux/conntrack.ts";
import { kernelDatagrams } from "../../src/linux/kerneldatagrams.ts";
import type { Child } from "../../src/linux/process.ts";
import { download, hello, type Ask } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * Deaths that docs/operations.md tells of and that no other file here has: a WAN's in silence, the server's parts.
 *
 *   users --- mikrotik --- router ==fibre== server (control, data) --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;
let user: Ask;
let server: Child;

beforeAll(async () => {
  site = await openSite(closer);
  user = { from: site.sockets("users"), to: WEB.v4 };
  server = await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  await site.pair.start("router");
  await site.pair.until("router", bonded);
});
afterAll(() => closer.close());

const MB = 1_000_000;
/** Flows that go out directly, each by the one WAN or the other: all by the same once in 30,000 times. */
const DATAGRAMS = 16;
/** The router's own address at the fibre, and a user's. */
const FIBRE = "192.168.1.2";
const USER = "192.168.88.10";

/** Starts a download, does `what` after a third of it, and checks the whole. */
async function downloadDuring(seed: string, size: number, what: () => Promise<void>): Promise<void> {
  const progress = { bytes: 0 };
  const received = download(user, size, seed, progress);
  // Told below, together with what may fail before.
  received.catch(() => undefined);
  await until(
    () => progress.bytes,
    (bytes) => bytes > size / 3,
    20_000,
  );
  await what();
  expect(await received).toEqual({ bytes: size, sha256: expectedSha256(size, seed) });
}

it("a WAN that dies in silence costs no byte", async () => {
  await downloadDuring("silence", 40 * MB, () => site.lab.fault("blackhole", "fibre"));
  await site.lab.heal();
  expect(await hello(user)).toBe(SERVER.v4);
});

it("a WAN that dies in silence is down, and the kernel forgets what was masqueraded over it, and that alone", async () => {
  const entries = async (): Promise<readonly string[]> =>
    (await createConntrack(site.lab.exec("router")).list())
      .filter(({ reply }) => reply.destination.address === FIBRE)
      .map(({ original }) => original.source.address);
  const isForeign = (from: string): boolean => from !== FIBRE;
  const socket = kernelDatagrams(site.lab.netns("users")).open({
    local: { address: USER, port: 0 },
    onDatagram: () => undefined,
  });
  await site.pair.until("router", ({ wans }) => wans[0]?.state.name === "up");
  try {
    // Half of them go by the fibre.
    for (let port = 9; port < 9 + DATAGRAMS; port++)
      socket.send(Buffer.from("hello"), { address: WEB.v4, port });
    await until(entries, (found) => found.some(isForeign), 5000);
    await downloadDuring("masquerade", 20 * MB, async () => {
      await site.lab.fault("blackhole", "fibre");
      await site.pair.until("router", ({ wans }) => wans[0]?.state.name === "down", 5000);
      const left = await until(entries, (found) => !found.some(isForeign), 5000);
      expect(left.length).toBeGreaterThan(0);
    });
  } finally {
    socket.close();
    await site.lab.heal();
  }
  await site.pair.until("router", (status) => status.wans[0]?.state.name === "up" && bonded(status));
});

it("without the server's control everything goes on, and the next one takes over", async () => {
  const { data } = await site.pair.status("server");
  await downloadDuring("control", 30 * MB, async () => {
    server.kill("SIGKILL");
    await server.exited;
    expect(await hello(user)).toBe(SERVER.v4);
  });
  server = await site.pair.start("server");
  const { data: found } = await site.pair.until("server", ({ state }) => state.name === "up");
  expect(found).toMatchObject({ pid: data.pid, restarts: 0 });
});

it("the server's data process is started again, and routers come back by themselves", async () => {
  const { data } = await site.pair.status("server");
  process.kill(data.pid ?? 0, "SIGKILL");
  await site.pair.until("server", (status) => status.state.name === "up" && status.data.restarts === 1);
  const who = (): Promise<string> => hello(user).catch(() => "nobody");
  expect(await until(who, (seen) => seen === SERVER.v4, 20_000)).toBe(SERVER.v4);
});

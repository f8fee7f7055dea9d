import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import type { Role } from "../../src/lab/pair.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { download, hello, type Ask } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * Control and data processes that are replaced or killed under flows that go on, as docs/operations.md tells.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;
let user: Ask;

beforeAll(async () => {
  site = await openSite(closer);
  user = { from: site.sockets("users"), to: WEB.v4 };
  await site.pair.up();
});
afterAll(() => closer.close());

const MB = 1_000_000;
const CONNECT_MS = 10_000;
const LIMIT_MS = 20_000;

/** A connection of a user through router and server, and its other end at the target. */
async function connection(): Promise<{ readonly user: Connection; readonly target: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  const local = { address: "::", port: 0 };
  const listener = await site.sockets("web").listen({ transport: "tcp", local }, accepted.resolve);
  closer.add("listener", () => listener.close());
  const ours = await user.from.dial({
    transport: "tcp",
    remote: { address: WEB.v4, port: listener.local.port },
    timeoutMs: CONNECT_MS,
  });
  const target = await accepted.promise;
  for (const { stream } of [ours, target]) stream.on("error", () => undefined).resume();
  target.stream.on("end", () => target.stream.end());
  closer.add("connection", async () => void ours.stream.destroy());
  return { user: ours, target };
}

/** What a connection dies of. */
const death = async ({ stream }: Connection): Promise<unknown> => {
  const [error] = (await once(stream, "error")) as [NodeJS.ErrnoException];
  return error.code;
};

/** Whether bytes still come through it. */
async function echoes({ user: ours, target }: { readonly user: Connection; readonly target: Connection }) {
  const heard = once(target.stream, "data");
  ours.stream.write("x");
  return String((await heard)[0]) === "x";
}

/** A download that is under way while something happens; its result is still to come. */
async function downloading(seed: string, size: number) {
  const progress = { bytes: 0 };
  const received = download(user, size, seed, progress);
  received.catch(() => undefined);
  await until(
    () => progress.bytes,
    (bytes) => bytes > size / 10,
    LIMIT_MS,
  );
  const complete = async (): Promise<void> =>
    expect(await received).toEqual({ bytes: size, sha256: expectedSha256(size, seed) });
  return { progress, complete };
}

const data = async (role: Role): Promise<StatusReport["data"]> => (await site.pair.status(role)).data;
const drained = (role: Role) =>
  site.pair.until(role, (status) => status.data.draining.length === 0, LIMIT_MS);

it.each(["router", "server"] as const)("the %s is upgraded, and no flow is cut", async (role) => {
  const before = await data(role);
  const idle = await connection();
  const running = await downloading(`upgrade-${role}`, 25 * MB);
  const told = await site.pair.sennit(role, [role, "upgrade"]);
  expect(told).toMatch(/^data process \d+ takes new connections\ndata process \d+ ends with the \d+ /);
  const after = await data(role);
  expect(after.pid).not.toBe(before.pid);
  expect(after).toMatchObject({ restarts: 0, draining: [{ pid: before.pid }] });
  // New ones go on as well, by way of the new process.
  expect(await hello(user)).toBe(SERVER.v4);
  await running.complete();
  expect(await echoes(idle)).toBe(true);
  await site.pair.until(role, ({ data: { draining } }) => draining[0]?.flows === 1);
  idle.user.stream.destroy();
  await drained(role);
  // A router follows its server to the new process.
  await drained("router");
  await site.pair.until("router", bonded);
  expect(await hello(user)).toBe(SERVER.v4);
});

it.each(["router", "server"] as const)(
  "the %s's control is killed in the middle of an upgrade",
  async (role) => {
    const running = await downloading(`control-${role}`, 25 * MB);
    const before = await data(role);
    const from = site.log.lines.length;
    const upgrading = site.pair.sennit(role, [role, "upgrade"]).catch(() => undefined);
    // The old data process is known as such, and its heir is being started.
    await site.log.until(({ name, phase }) => name === role && phase === "retired", from, LIMIT_MS);
    await site.pair.kill(role);
    expect(await hello(user)).toBe(SERVER.v4);
    await site.pair.start(role);
    await site.pair.until(
      role,
      (status) => status.data.pid !== before.pid && status.data.state.name === "running",
    );
    await running.complete();
    await drained(role);
    await drained("router");
    expect(await hello(user)).toBe(SERVER.v4);
    await upgrading;
  },
);

it("the router's data process is killed: the target hears of it", async () => {
  const { target } = await connection();
  const died = death(target);
  process.kill((await data("router")).pid ?? 0, "SIGKILL");
  expect(await died).toBe("ECONNRESET");
  await site.pair.until("router", bonded);
});

it("the server's data process is killed: the user hears of it", async () => {
  const { user: ours } = await connection();
  const died = death(ours);
  process.kill((await data("server")).pid ?? 0, "SIGKILL");
  expect(await died).toBe("ECONNRESET");
  await site.pair.until("router", bonded);
});

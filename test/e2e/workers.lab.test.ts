import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { download, hello, type Ask } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * Router and server with two workers each: one session per worker of the router, each in one worker of the server.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                          2 workers ==lte== 2 workers
 */
const closer = new Closer();
const CARRIERS = 6;
const FLOWS = 200;
let site: Site;
let user: Ask;

beforeAll(async () => {
  const relay = { workers: 2 };
  site = await openSite(closer, { relay: { ...relay, carriers: CARRIERS }, server: { relay } });
  user = { from: site.sockets("users"), to: WEB.v4 };
  await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  await site.pair.start("router");
  await site.pair.until("router", settled);
});
afterAll(() => closer.close());

const carriers = ({ sessions }: StatusReport): number[] => sessions.map((session) => session.carriers);
const settled = (status: StatusReport): boolean =>
  bonded(status) && carriers(status).join() === [CARRIERS / 2, CARRIERS / 2].join();

it("flows spread over the workers, and all carriers of a session are in one", async () => {
  const open: Connection[] = [];
  closer.add("flows", () => {
    for (const connection of open) connection.reset();
  });
  const remote = { address: WEB.v4, port: 80 };
  const dial = (): Promise<Connection> => user.from.dial({ transport: "tcp", remote, timeoutMs: 10_000 });
  // A burst, as a page and all that is in it.
  open.push(...(await Promise.all(Array.from({ length: FLOWS }, dial))));
  for (const { stream } of open) stream.on("error", () => undefined);
  for (const role of ["router", "server"] as const) {
    const status = await site.pair.until(role, ({ flows }) => flows.open >= FLOWS);
    // A session in two workers would be told of by both.
    expect(carriers(status)).toEqual([CARRIERS / 2, CARRIERS / 2]);
    for (const { flows } of status.sessions) {
      expect(flows).toBeGreaterThanOrEqual(0.4 * FLOWS);
      expect(flows).toBeLessThanOrEqual(0.6 * FLOWS);
    }
  }
  for (const connection of open.splice(0)) connection.reset();
  await site.pair.until("router", ({ flows }) => flows.open === 0);
});

it("downloads at a time come right through both", async () => {
  const seeds = ["a", "b", "c", "d"];
  const size = 2_000_000;
  const received = await Promise.all(seeds.map((seed) => download(user, size, seed)));
  expect(received).toEqual(seeds.map((seed) => ({ bytes: size, sha256: expectedSha256(size, seed) })));
  const { sessions } = await site.pair.status("server");
  expect(sessions).toHaveLength(2);
});

it.each(["router", "server"] as const)(
  "the %s's data process comes back with all its workers",
  async (role) => {
    const { data } = await site.pair.status(role);
    process.kill(data.pid ?? 0, "SIGKILL");
    await site.pair.until(
      role,
      (status) => status.data.restarts === 1 && status.data.state.name === "running",
    );
    await site.pair.until("router", settled);
    await site.pair.until("server", (status) => carriers(status).filter((count) => count > 0).length === 2);
    const who = (): Promise<string> => hello(user).catch(() => "nobody");
    expect(await until(who, (seen) => seen === SERVER.v4, 20_000)).toBe(SERVER.v4);
  },
);

it("stopping stops the workers, too", async () => {
  const pids = await Promise.all(
    (["router", "server"] as const).map(async (role) => (await site.pair.status(role)).data.pid),
  );
  for (const pid of pids) expect(readdirSync(`/proc/${pid}/task`).length).toBeGreaterThan(3);
  await site.pair.stop("router");
  await site.pair.stop("server");
  // In good order: nobody had to be killed.
  expect(site.log.lines.filter(({ msg }) => msg.includes("data process failed"))).toEqual([]);
  for (const pid of pids) expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
});

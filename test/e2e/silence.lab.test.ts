import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { download, hello } from "./http.ts";
import { openPair, openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 *   users --- mikrotik --- router ==fibre=Y= cpe-fibre ------- core --X-- server
 *                                 ==lte===Y= cpe-lte - cgnat ----+==== web
 *
 * X or Y swallow everything and say nothing. When the Ys no longer do, both NATs have forgotten all, and have other addresses.
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.up();
});
afterAll(() => closer.close());

/** The promise is 3 s, and a unit test holds the clock to it; a machine that runs other tests may be slower. */
const DIRECT_WITHIN_MS = 10_000;

/** Enough that every worker has some of them. */
const TRIES = 8;

/** Who the web host sees before and after. */
async function serverFallsSilent(): Promise<readonly string[]> {
  const user = { from: site.sockets("users"), to: WEB.v4 };
  const viaServer = await hello(user);
  await site.lab.fault("blackhole", "server");

  // The first one finds out: what it is connected to leads nowhere.
  const first = hello(user).catch(() => "lost");
  const gone = ({ problems }: StatusReport): boolean => problems.some(({ code }) => code === "no-carrier");
  const status = await site.pair.until("router", gone, DIRECT_WITHIN_MS);
  expect(status.carriers.length).toBeGreaterThan(0);
  // It is let go, since its next try goes out directly, as that of everybody else.
  expect(await first).toBe("lost");
  for (let tries = 0; tries < TRIES; tries++) expect(await hello(user)).not.toBe(viaServer);

  await site.lab.heal();
  await site.pair.until("router", ({ state }) => state.name === "up");
  return [viaServer, await hello(user)];
}

it("a server that falls silent is given up, and used again when it answers", async () => {
  expect(await serverFallsSilent()).toEqual([SERVER.v4, SERVER.v4]);
});

const MB = 1_000_000;
const ECHO_PORT = 7;
const TRANSFER = { bytes: 20 * MB, seed: "outage" } as const;

/** A connection whose other end says again what it hears. */
async function echoSession(): Promise<Connection> {
  const local = { address: WEB.v4, port: ECHO_PORT };
  const listener = await site.sockets("web").listen({ transport: "tcp", local }, ({ stream }) => {
    stream.on("error", () => undefined).pipe(stream);
  });
  closer.add("echo", () => listener.close());
  const session = await site.sockets("users").dial({ transport: "tcp", remote: local, timeoutMs: 5000 });
  session.stream.on("error", () => undefined);
  return session;
}

async function echo({ stream }: Connection, word: string): Promise<string> {
  stream.write(word);
  const [heard] = (await once(stream, "data")) as [Buffer];
  return heard.toString();
}

it("flows go on after all WANs were dead and came back behind other addresses", async () => {
  const resets = (await site.pair.status("router")).flows.reset;
  const session = await echoSession();
  expect(await echo(session, "before")).toBe("before");
  const progress = { bytes: 0 };
  const { bytes, seed } = TRANSFER;
  const transfer = download({ from: site.sockets("users"), to: WEB.v4 }, bytes, seed, progress);
  await until(
    () => progress.bytes,
    (seen) => seen > bytes / 4,
  );
  const from = site.log.lines.length;
  await Promise.all(["fibre", "lte"].map((wan) => site.lab.fault("blackhole", wan)));
  const answer = echo(session, "said into the void");
  for (const wan of ["fibre", "lte"])
    await site.log.until((line) => line.msg === "WAN does not answer" && line["wan"] === wan, from, 15_000);
  await site.lab.fault("public-address", "cpe-fibre");
  await site.lab.fault("public-address", "cgnat");
  expect(progress.bytes).toBeLessThan(bytes);
  await site.lab.heal("blackhole");

  expect(await answer).toBe("said into the void");
  expect(await transfer).toEqual({ bytes, sha256: expectedSha256(bytes, seed) });
  expect((await site.pair.status("router")).flows.reset).toBe(resets);
});

it("a server that falls silent is given up by all workers, though one alone finds out", async () => {
  await site.pair.down();
  const relay = { workers: 2 };
  site = await openPair(closer, site.lab, { relay, server: { relay } });
  await site.pair.up();
  expect(await serverFallsSilent()).toEqual([SERVER.v4, SERVER.v4]);
});

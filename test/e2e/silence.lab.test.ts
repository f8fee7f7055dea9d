import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { hello } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";

/*
 *   users --- mikrotik --- router ==fibre==/==lte== core --X-- server      X swallows everything and says nothing
 *                                                    +==== web
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

it("a server that falls silent is given up within 3 s, and used again when it answers", async () => {
  const user = { from: site.sockets("users"), to: WEB.v4 };
  const viaServer = await hello(user);
  await site.lab.fault("blackhole", "server");

  // The first one finds out: what it is connected to leads nowhere.
  const first = hello(user).catch(() => "lost");
  const gone = ({ problems }: StatusReport): boolean => problems.some(({ code }) => code === "no-carrier");
  const status = await site.pair.until("router", gone, DIRECT_WITHIN_MS);
  expect(status.carriers.length).toBeGreaterThan(0);
  expect(await hello(user)).not.toBe(viaServer);

  await site.lab.heal();
  await site.pair.until("router", ({ state }) => state.name === "up");
  expect(await hello(user)).toBe(viaServer);
  // The carriers were kept, so the one that waited all the time got its answer after all.
  expect(await first).toBe(viaServer);
});

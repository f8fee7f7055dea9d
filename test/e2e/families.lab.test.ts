import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { download, upload } from "./http.ts";
import { openSite, PORT, SERVER, WEB, type Site } from "./site.ts";

/*
 *   user --- router ===old, IPv4 alone=== nat --- server --- web
 *                   ===new, IPv6 alone===========
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer, {
    topology: fileURLToPath(new URL("./topologies/families.yaml", import.meta.url)),
    wans: { old: { interface: "old" }, new: { interface: "new" } },
    endpoint: [`${SERVER.v4}:${PORT}`, `[${SERVER.v6}]:${PORT}`],
  });
  await site.pair.up();
});
afterAll(() => closer.close());

const BYTES = 10_000_000;

it.each([
  ["download", "down", download],
  ["upload", "up", upload],
] as const)("one %s uses an IPv4-only WAN and an IPv6-only WAN", async (name, direction, transfer) => {
  const moved = (): Promise<readonly number[]> =>
    Promise.all(["old", "new"].map(async (wan) => (await site.lab.link(wan).counters())[direction].bytes));
  const before = await moved();
  const user = { from: site.sockets("user"), to: WEB.v4 };
  expect(await transfer(user, BYTES, name)).toEqual({ bytes: BYTES, sha256: expectedSha256(BYTES, name) });
  const after = await moved();
  // By rate it would be half each; a short transfer takes a moment to take the second one.
  for (const [index, bytes] of after.entries()) {
    expect(bytes - (before[index] ?? 0)).toBeGreaterThan(0.2 * BYTES);
  }
});

it("the WAN of either family carries all when the other is cut, also what is begun then", async () => {
  for (const wan of ["old", "new"]) {
    await site.lab.fault("down", wan);
    const user = { from: site.sockets("user"), to: WEB.v4 };
    const seed = `without ${wan}`.replace(" ", "-");
    expect(await download(user, 1_000_000, seed)).toEqual({
      bytes: 1_000_000,
      sha256: expectedSha256(1_000_000, seed),
    });
    await site.lab.heal();
    await site.pair.until("router", ({ wans }) => wans.every(({ state }) => state.name === "up"));
  }
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { download, upload, type Ask } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 *                              fibre 100/40 Mbit/s
 *   users --- mikrotik --- router ============= server --- web
 *                              lte 50/20 Mbit/s
 */
const closer = new Closer();
let site: Site;
let user: Ask;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.up();
  user = { from: site.sockets("users"), to: WEB.v4 };
});
afterAll(() => closer.close());

const MB = 1_000_000;
const WANS = ["fibre", "lte"] as const;
type Wan = (typeof WANS)[number];
type Direction = "up" | "down";

/** Bytes that arrived over the WAN's link so far. */
async function linkBytes(wan: Wan, direction: Direction): Promise<number> {
  return (await site.lab.link(wan).counters())[direction].bytes;
}

/** Bytes that the carriers' subflows on that WAN say they moved. */
async function subflowBytes(wan: Wan, direction: Direction): Promise<number> {
  const { subflows } = await site.pair.status("router");
  return subflows
    .filter((subflow) => subflow.wan === wan)
    .reduce((sum, { traffic }) => sum + traffic.bytes[direction], 0);
}

const expected = (bytes: number, seed: string) => ({ bytes, sha256: expectedSha256(bytes, seed) });

/** Of a transfer's bytes. By rate the shares are two thirds and one third; a short transfer takes a second to get there. */
const LEAST_SHARE: Readonly<Record<Wan, number>> = { fibre: 0.4, lte: 0.15 };

it.each([
  ["download", "down", download, 30 * MB],
  ["upload", "up", upload, 15 * MB],
] as const)("one %s uses both WANs", async (name, direction, transfer, size) => {
  const before = await Promise.all(WANS.map((wan) => linkBytes(wan, direction)));
  const subflowsBefore = await Promise.all(WANS.map((wan) => subflowBytes(wan, direction)));
  expect(await transfer(user, size, name)).toEqual(expected(size, name));
  for (const [index, wan] of WANS.entries()) {
    const least = LEAST_SHARE[wan] * size;
    expect((await linkBytes(wan, direction)) - (before[index] ?? 0)).toBeGreaterThan(least);
    const subflowBefore = subflowsBefore[index] ?? 0;
    // The router looks once a second.
    await until(
      () => subflowBytes(wan, direction),
      (bytes) => bytes > subflowBefore + least,
    );
  }
});

it.each([
  ["download", "cut", ["down"], "down", download, 45 * MB],
  ["upload", "cut", ["down"], "up", upload, 24 * MB],
  ["download", "silent black hole", ["blackhole"], "down", download, 45 * MB],
  ["upload", "silent black hole", ["blackhole"], "up", upload, 24 * MB],
  // Only a repeated SYN finds the way back then, after 1, 3, 7 s: there must be that much left to load.
  ["download", "silent black hole without probes", ["blackhole", "block-udp"], "down", download, 90 * MB],
] as const)(
  "the %s survives the %s of the fibre and uses it again",
  async (name, _, faults, direction, transfer, size) => {
    await site.pair.until("router", bonded);
    const progress = { bytes: 0 };
    const past = (share: number) =>
      until(
        () => progress.bytes,
        (bytes) => bytes > share * size,
        30_000,
      );
    const cutAndHeal = async (): Promise<void> => {
      await past(0.25);
      for (const fault of faults.toReversed()) await site.lab.fault(fault, "fibre");
      await past(0.5);
      await site.lab.heal(faults[0]);
      const before = await linkBytes("fibre", direction);
      await until(
        () => linkBytes("fibre", direction),
        (bytes) => bytes > before + MB,
        10_000,
      );
      // It was this transfer that came back to the fibre, not the next one.
      expect(progress.bytes).toBeLessThan(size);
      await site.lab.heal();
    };
    const [received] = await Promise.all([transfer(user, size, name, progress), cutAndHeal()]);
    expect(received).toEqual(expected(size, name));
  },
);

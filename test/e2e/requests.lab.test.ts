import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { addressesOf } from "../../src/lab/topology/addresses.ts";
import { download } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";

/*
 *   200 users --- mikrotik --- router ==fibre== server --- web
 *                                     ===lte===
 */
const closer = new Closer();
let site: Site;
/** Addresses of the users. */
let users: Readonly<Record<"v4" | "v6", readonly string[]>>;

beforeAll(async () => {
  site = await openSite(closer);
  const [v4 = [], v6 = []] = (site.lab.host("users").spec.interfaces["lan"] ?? []).map(addressesOf);
  users = { v4, v6 };
  await site.pair.up();
});
afterAll(() => closer.close());

/** No user waits longer for a page (ms). */
const LIMIT_MS = 2000;

/** The request with that number, by a user whose turn it is, and its answer checked; milliseconds. */
async function request(family: "v4" | "v6", number: number): Promise<number> {
  const as = users[family][number % users[family].length] ?? "";
  const [bytes, seed] = [1000 + number, `${family}-${number}`];
  const started = performance.now();
  const answer = await download({ from: site.sockets("users"), to: WEB[family], as }, bytes, seed);
  const took = performance.now() - started;
  expect(answer).toEqual({ bytes, sha256: expectedSha256(bytes, seed) });
  return took;
}

/** Tells how long the answers took; the longest. */
function slowest(what: string, took: readonly number[]): number {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const figures = [0.5, 0.95, 1].map((share) => `${Math.round(at(share))} ms`);
  process.stdout.write(`${what}: ${took.length} answers, p50, p95, max: ${figures.join(", ")}\n`);
  return at(1);
}

it("answers 2000 short requests of four users who each ask one after the other, two of them over IPv6", async () => {
  const took: number[] = [];
  const ask = async (family: "v4" | "v6", from: number): Promise<void> => {
    for (let number = from; number < from + 500; number += 1) took.push(await request(family, number));
  };
  await Promise.all([ask("v4", 0), ask("v4", 500), ask("v6", 0), ask("v6", 500)]);
  expect(slowest("sequential", took)).toBeLessThan(LIMIT_MS);
  expect(took).toHaveLength(2000);
});

it.each(["v4", "v6"] as const)("answers 500 short requests at the same time over %s", async (family) => {
  const numbers = Array.from({ length: 500 }, (_, number) => number);
  const took = await Promise.all(numbers.map((number) => request(family, number)));
  expect(slowest(`concurrent over ${family}`, took)).toBeLessThan(LIMIT_MS);
});

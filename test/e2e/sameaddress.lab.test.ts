import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { download } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 *   user --- router ===stick0 192.168.8.100=== modem0 --- server --- web
 *                   ===stick1 192.168.8.100=== modem1 ---
 */
const closer = new Closer();
let site: Site;
const GATEWAY = "192.168.8.1";
const STICKS = ["stick0", "stick1"] as const;

/** Carriers that begin on each of the two, by WAN: those of stick1 are plain. */
const readyOn = ({ subflows }: StatusReport, wan: string): number =>
  subflows.filter((subflow) => subflow.wan === wan).length;
/** It is told that no MPTCP connection uses both, so more than degraded it is not. */
const bothCarry = (status: StatusReport): boolean =>
  status.state.name === "degraded" && STICKS.every((stick) => readyOn(status, stick) >= 3);

beforeAll(async () => {
  site = await openSite(closer, {
    topology: fileURLToPath(new URL("./topologies/sticks.yaml", import.meta.url)),
    wans: Object.fromEntries(STICKS.map((stick) => [stick, { interface: stick, gateway: GATEWAY }])),
  });
  await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  await site.pair.start("router");
  await site.pair.until("router", bothCarry);
});
afterAll(() => closer.close());

const BYTES = 4_000_000;

/** Four downloads at a time, checked; `progress` tells how far they have come together. */
async function downloads(name: string, progress: { bytes: number }[]): Promise<void> {
  const user = { from: site.sockets("user"), to: WEB.v4 };
  await Promise.all(
    progress.map(async (mine, index) => {
      const seed = `${name}-${index}`;
      expect(await download(user, BYTES, seed, mine)).toEqual({
        bytes: BYTES,
        sha256: expectedSha256(BYTES, seed),
      });
    }),
  );
}
const four = (): { bytes: number }[] => Array.from({ length: 4 }, () => ({ bytes: 0 }));
const sum = (progress: readonly { bytes: number }[]): number =>
  progress.reduce((bytes, mine) => bytes + mine.bytes, 0);
const moved = async (stick: string): Promise<number> => (await site.lab.link(stick).counters()).down.bytes;

it("two WANs with the same address both carry", async () => {
  const before = await Promise.all(STICKS.map(moved));
  await downloads("both", four());
  const after = await Promise.all(STICKS.map(moved));
  for (const [index, bytes] of after.entries()) {
    expect(bytes - (before[index] ?? 0)).toBeGreaterThan(0.2 * 4 * BYTES);
  }
});

it.each(STICKS)("flows go on over the other when %s is cut, and both carry again", async (stick) => {
  await site.pair.until("router", bothCarry);
  const progress = four();
  const cut = async (): Promise<void> => {
    await until(
      () => sum(progress),
      (bytes) => bytes > BYTES,
      30_000,
    );
    await site.lab.fault("down", stick);
  };
  await Promise.all([downloads(`without-${stick}`, progress), cut()]);
  await site.lab.heal();
  expect((await site.pair.status("router")).flows.reset).toBe(0);
});

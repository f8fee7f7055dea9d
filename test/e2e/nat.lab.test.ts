import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { download, type Ask } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * NATs on the way that lose their mappings, change their address or take out MPTCP.
 *
 *   users --- mikrotik --- router ===fibre=== cpe-fibre ------------- server --- web
 *                                 ====lte==== cpe-lte --- cgnat -----
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

const downBytes = async (wan: Wan): Promise<number> => (await site.lab.link(wan).counters()).down.bytes;

let downloads = 0;

/** A download whose bytes are checked; `progress` tells how far it has come. */
async function checkedDownload(bytes: number, progress = { bytes: 0 }): Promise<void> {
  const seed = `download-${++downloads}`;
  expect(await download(user, bytes, seed, progress)).toEqual({ bytes, sha256: expectedSha256(bytes, seed) });
}

/** Measured: 3 to 5 s after a first fault; up to 15 s where faults follow each other sooner than the pauses between repairs. */
const CARRIES_WITHIN_MS = 90_000;

/** Downloads again and again until half a megabyte more has come over each of these WANs. */
async function carry(wans: readonly Wan[]): Promise<void> {
  const before = await Promise.all(wans.map(downBytes));
  const enough = new AbortController();
  const load = async (): Promise<void> => {
    while (!enough.signal.aborted) await checkedDownload(5 * MB);
  };
  const watch = async (): Promise<void> => {
    try {
      await until(
        () => Promise.all(wans.map(downBytes)),
        (now) => now.every((bytes, index) => bytes > (before[index] ?? 0) + MB / 2),
        CARRIES_WITHIN_MS,
      );
    } finally {
      enough.abort();
    }
  };
  await Promise.all([watch(), load()]);
}

const hasProblem = ({ problems }: StatusReport, code: string, wan: Wan): boolean =>
  problems.some((problem) => problem.code === code && problem.message.includes(`WAN ${wan} `));

describe.each([
  ["nat-reboot", "cpe-fibre", "fibre"],
  ["nat-reboot", "cgnat", "lte"],
  ["public-address", "cpe-fibre", "fibre"],
] as const)("%s of %s", (fault, nat, wan) => {
  beforeEach(() => carry(WANS));
  // Another change of address, where there was one.
  afterEach(() => site.lab.heal());

  it("during a download: not a byte is wrong, it is told, and the WAN carries again", async () => {
    const progress = { bytes: 0 };
    const strike = async (): Promise<void> => {
      await until(
        () => progress.bytes,
        (bytes) => bytes > 2 * MB,
        CARRIES_WITHIN_MS,
      );
      const from = site.log.lines.length;
      await site.lab.fault(fault, nat);
      const repaired = await site.log.until(
        (line) => line.msg.startsWith("WAN unused") && line["wan"] === wan,
        from,
        CARRIES_WITHIN_MS,
      );
      expect(repaired).toMatchObject({ level: "warn", repairs: 1 });
      await carry([wan]);
      await site.pair.until("router", ({ problems }) => problems.length === 0);
    };
    await Promise.all([checkedDownload(20 * MB, progress), strike()]);
  });

  it("before a download: the WAN carries again", async () => {
    await site.lab.fault(fault, nat);
    const before = await downBytes(wan);
    await carry([wan]);
    expect(await downBytes(wan)).toBeGreaterThan(before + MB / 2);
  });
});

it("says so where a box on the way takes MPTCP out, and carries on over the other ways", async () => {
  await site.pair.stop("router");
  await site.lab.fault("strip-mptcp", "cpe-fibre");
  await site.pair.start("router");
  const status = await site.pair.until("router", (seen) => hasProblem(seen, "mptcp-stripped", "fibre"));
  expect(status.problems.find(({ code }) => code === "mptcp-stripped")?.remedy).not.toBeNull();
  await checkedDownload(5 * MB);
  // Its consequence is not told beside it.
  const later = await site.pair.status("router");
  expect(later.state.name).toBe("degraded");
  expect(later.problems.map(({ code }) => code)).toEqual(["mptcp-stripped"]);

  await site.lab.heal();
  await site.pair.stop("router");
  await site.pair.start("router");
  await site.pair.until("router", (seen) => bonded(seen) && seen.problems.length === 0);
});

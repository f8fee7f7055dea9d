import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventsReport, HistoryReport } from "../../src/api/history.ts";
import { Closer } from "../../src/base/closer.ts";
import { carries } from "../../src/wan/supervisor.ts";
import { download } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/** What a router remembers and tells, in the `cascade` lab: LTE loses its cable, and it is killed. */
const closer = new Closer();
let site: Site;
let told: string;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "sennit-told-"));
  closer.add("told", () => rm(directory, { recursive: true }));
  told = join(directory, "told");
  const hook = { run: ["/usr/bin/tee", "-a", told], codes: ["wan-no-carrier"] };
  site = await openSite(closer, { notify: { hooks: [hook] } });
  await site.pair.up();
}, 60_000);
afterAll(() => closer.close());

const ask = async <T>(...args: readonly string[]): Promise<T> =>
  JSON.parse(await site.pair.sennit("router", [...args, "--json"])) as T;

test("a WAN's loss is an event that a hook is told of, and both outlive a kill, as the history does", async () => {
  const { pair, lab } = site;
  await lab.fault("down", "lte");
  await pair.until("router", ({ wans }) =>
    wans.some(({ name, state }) => name === "lte" && state.name === "no-carrier"),
  );
  await until(
    () => readFile(told, "utf8").catch(() => ""),
    (text) => text.includes('"code":"wan-no-carrier"'),
  );
  const before = await ask<EventsReport["events"]>("events");
  expect(before).toContainEqual(
    expect.objectContaining({ code: "wan-no-carrier", wan: "lte", severity: "warning" }),
  );
  await pair.kill("router");
  await pair.start("router");
  await pair.until("router", ({ wans }) =>
    wans.some(({ name, state }) => name === "fibre" && carries(state.name)),
  );
  expect((await ask<EventsReport["events"]>("events")).slice(0, before.length)).toEqual(before);
  await download({ from: site.sockets("users"), to: WEB.v4 }, 2_000_000, "history");
  await until(
    () => ask<HistoryReport>("history", "--wan", "fibre"),
    ({ wans }) => wans[0]?.samples.some(({ bytes, rttMs }) => bytes.down > 0 && rttMs !== null) === true,
  );
});

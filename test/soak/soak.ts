import { setTimeout as sleep } from "node:timers/promises";
import { Closer } from "../../src/base/closer.ts";
import { seededRandom } from "../../src/lab/link/random.ts";
import { bonded, type Role } from "../../src/lab/pair.ts";
import type { Child } from "../../src/linux/process.ts";
import { openSite, WEB } from "../e2e/site.ts";
import { startEcho } from "./echo.ts";
import { describe, leaks, measure } from "./leaks.ts";
import { work } from "./load.ts";
import { newTally, type Tally } from "./tally.ts";
import { Troublemaker } from "./trouble.ts";

export interface SoakOptions {
  /** How long things go wrong. */
  readonly seconds: number;
  /** The same seed gives the same faults and the same load. */
  readonly seed: string;
  readonly say: (line: string) => void;
}

/** What a soak showed. */
export interface Soaked {
  readonly faults: number;
  readonly tally: Tally;
  readonly leaks: readonly string[];
  /** All of it, for people. */
  readonly report: string;
  readonly isGood: boolean;
}

/** Everybody works a little while before the first measure: buffers, pools and code are there once they were needed. */
const WARM_UP_MS = 4000;
/** After the last fault all transfers are to end in this time (ms). */
const FINISH_MS = 120_000;
const MEGABYTE = 1_000_000;

/**
 * A router and a server in the lab, users at work, and one fault after the other.
 *
 *   users --- mikrotik --- router ===fibre=== cpe-fibre ------------- server --- web (echo)
 *                                 ====lte==== cpe-lte --- cgnat -----
 */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const closer = new Closer();
  try {
    return await soakIn(closer, options);
  } finally {
    await closer.close();
  }
}

async function soakIn(closer: Closer, { seconds, seed, say }: SoakOptions): Promise<Soaked> {
  // Who asks while there is no way is told so: what goes out directly is not ours to keep.
  const site = await openSite(closer, { relay: { onFailure: "closed" } });
  const { lab, pair } = site;
  const controls = new Map<Role, Child>();
  for (const role of ["server", "router"] as const) {
    controls.set(role, await pair.start(role));
    await pair.until(role, role === "router" ? bonded : ({ state }) => state.name === "up");
  }
  const echo = await startEcho(site.sockets("web"), WEB.v4);
  closer.add("echo", () => echo.close());

  const random = seededRandom(seed);
  const ask = { from: site.sockets("users"), to: WEB.v4 };
  const warm = newTally();
  await work(ask, seededRandom("warm"), warm, AbortSignal.timeout(WARM_UP_MS));
  const before = await measure(site);

  const tally = newTally();
  const stop = new AbortController();
  const start = performance.now();
  const at = (): string => `${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s`;
  const trouble = new Troublemaker(site, seededRandom(`${seed}/faults`), controls, (what) =>
    say(`${at()}  ${what}`),
  );
  const loads = work(ask, random, tally, stop.signal);
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    await Promise.race([trouble.run(stop.signal), lab.broken]);
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  const late = sleep(FINISH_MS, true, { ref: false });
  if (await Promise.race([loads.then(() => false), late])) tally.cut.push("transfers that never end");
  const after = await measure(site);
  const found = [...leaks(before, after)];
  const isGood = tally.wrong.length + tally.cut.length + found.length === 0;
  const report = [
    `faults survived  ${trouble.count}`,
    `bytes moved      ${Math.round(tally.bytes / MEGABYTE)} MB in ${tally.done} transfers and requests`,
    `bytes wrong      ${tally.wrong.length === 0 ? "none" : tally.wrong.join("; ")}`,
    `flows cut        ${tally.cut.length === 0 ? "none" : tally.cut.join("; ")}`,
    `refused          ${tally.refused} while there was no way`,
    `leaks            ${found.length === 0 ? "none" : found.join("; ")}`,
    `                 ${describe(before, after)}`,
  ].join("\n");
  return { faults: trouble.count, tally, leaks: found, report, isGood };
}

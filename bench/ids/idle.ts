import { setTimeout as sleep } from "node:timers/promises";
import { childFaults, cpuSeconds, processesIn, rssBytes } from "../../src/linux/usage.ts";
import type { Bench } from "../bench.ts";
import { bundledSennit } from "../peers/bundled.ts";
import { quad } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 1;
/** How long it is watched, of the ten minutes that `--seconds 600` gives it. */
const SECONDS = 60;
/** After the start (s): carriers are up then, and what starting cost is spent. */
const SETTLE_SECONDS = 15;
const LOOK_MS = 1000;
const MEGABYTE = 1e6;
/** What a router at rest may take: per cent of a core, and MB in all of its processes. */
const BOUNDS = { cpu: 2, rss: 160 } as const;

export const idle: Bench = {
  id: "idle",
  about:
    "a router with 4 WANs and nothing to do: CPU (2 % of a core) or memory (160 MB), whichever is nearer",
  async run(context) {
    const sennit = await bundledSennit();
    context.uses(await sennit.version());
    const [cpu, rss, runs]: [number[], number[], number[]] = [[], [], []];
    const rounds = context.rounds(ROUNDS);
    for (let round = 1; round <= rounds; round++) {
      const stand = await Stand.open(sennit, await quad(), context);
      await stand.settled();
      await sleep(SETTLE_SECONDS * 1000);
      const found = await watch(processesIn(stand.lab.netns("router")), context.seconds(SECONDS));
      context.say(
        `round ${round} of ${rounds}: ${found.cpu.toFixed(2)} % of a core, ${found.rss.toFixed(0)} MB`,
      );
      cpu.push(found.cpu);
      rss.push(found.rss);
      runs.push(found.runs);
      await stand.close();
    }
    return {
      rounds: cpu.map((each, index) => Math.max(each / BOUNDS.cpu, (rss[index] ?? NaN) / BOUNDS.rss)),
      figures: [
        { name: "CPU", unit: "% of a core", rounds: cpu },
        { name: "memory, control and data process", unit: "MB", rounds: rss },
        { name: "programs run", unit: "seconds of a minute", rounds: runs },
      ],
      failures: [],
    };
  },
};

interface Found {
  readonly cpu: number;
  readonly rss: number;
  /** Seconds in which some program was run to its end, of each minute. */
  readonly runs: number;
}

async function watch(pids: readonly number[], seconds: number): Promise<Found> {
  const [beganMs, cpuBefore] = [performance.now(), cpuSeconds(pids)];
  let [faults, runs, rss] = [childFaults(pids), 0, 0];
  for (let second = 0; second < seconds; second++) {
    await sleep(LOOK_MS);
    const now = childFaults(pids);
    if (now > faults) runs++;
    faults = now;
    rss = Math.max(rss, rssBytes(pids) / MEGABYTE);
  }
  const took = (performance.now() - beganMs) / 1000;
  return { cpu: ((cpuSeconds(pids) - cpuBefore) / took) * 100, rss, runs: (runs * 60) / seconds };
}

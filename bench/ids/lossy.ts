import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Context } from "../bench.ts";
import { Rig } from "../load/rig.ts";
import { nowMs } from "../load/timeline.ts";
import { WanWatch } from "../load/wanwatch.ts";
import { sennit } from "../peers/sennit.ts";
import { cascade } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 1;
/** How long the lossy WAN is looked on, of the five minutes that `--seconds 300` gives it. */
const SECONDS = 45;
/** What is lost of the LTE's downloads, and of the fibre's (%). */
const LTE_LOSS = 66.6667;
const FIBRE_LOSS = 1;
/** Until what is to be found must be found (ms). */
const FOUND_MS = 5000;
/** Until the WAN that was dead carries again, and all is calm (ms). */
const CALM_MS = 60_000;
/** Until both WANs carry (ms). */
const LEAD_MS = 2500;

interface Found {
  readonly tooMany: number;
  readonly cleanDownS: number;
  readonly degradedS: number;
  readonly offBy: number;
  readonly lossyDownS: number;
}

export const lossy: Bench = {
  id: "lossy",
  about:
    "a WAN loses two thirds of a download, another 1 %: states they should not come into, and how soon they come into those they should",
  async run(context) {
    context.uses(await sennit.version());
    const rounds: Found[] = [];
    for (let round = 0; round < context.rounds(ROUNDS); round++) rounds.push(await measure(context));
    const figure = (name: string, unit: string, of: (found: Found) => number) => ({
      name,
      unit,
      rounds: rounds.map(of),
    });
    return {
      rounds: rounds.map(({ tooMany }) => tooMany),
      figures: [
        figure("clean WAN, down after", "s", ({ cleanDownS }) => cleanDownS),
        figure("lossy WAN, degraded after", "s", ({ degradedS }) => degradedS),
        figure("lossy WAN, figure off by", "per mille", ({ offBy }) => offBy),
        figure("lossy WAN, down after", "s", ({ lossyDownS }) => lossyDownS),
      ],
      failures: [],
    };
  },
};

async function measure(context: Context): Promise<Found> {
  const stand = await Stand.open(sennit, await cascade(), context);
  const rig = await Rig.open(stand, context.closer);
  const watch = new WanWatch(stand);
  const { lab } = stand;
  const after = async (wan: string, state: "down" | "degraded" | "up", limitMs: number): Promise<number> => {
    const sinceMs = nowMs();
    const atMs = await watch.until(wan, state, sinceMs - 1, limitMs);
    if (atMs === undefined) throw await rig.failure(`${wan} is not ${state} after ${limitMs} ms`);
    return (atMs - sinceMs) / 1000;
  };
  try {
    await stand.settled();
    watch.start();
    await rig.download();
    await sleep(LEAD_MS);
    await lab.fault("blackhole", "fibre");
    const cleanDownS = await after("fibre", "down", FOUND_MS);
    context.say(`clean: down after ${cleanDownS.toFixed(2)} s`);
    await lab.heal();
    await after("fibre", "up", CALM_MS);
    await sleep(LEAD_MS);

    const beganMs = nowMs();
    await lab.fault("loss", "fibre:down", `${FIBRE_LOSS} %`);
    await lab.fault("loss", "lte:down", `${LTE_LOSS} %`);
    const degradedS = await after("lte", "degraded", 2 * FOUND_MS);
    await sleep(Math.max(0, beganMs + FOUND_MS - nowMs()));
    const offBy = Math.abs((watch.wan("lte").lossPerMille ?? 0) - 10 * LTE_LOSS);
    context.say(`lossy: degraded after ${degradedS.toFixed(2)} s, the figure is off by ${offBy.toFixed(0)}`);
    const looksMs = context.seconds(SECONDS) * 1000;
    while (nowMs() < beganMs + looksMs) {
      await sleep(5000);
      context.say(
        `${((nowMs() - beganMs) / 1000).toFixed(0)} s: ${watch.wan("lte").reason}; fibre ${watch.wan("fibre").reason}`,
      );
    }
    const tooMany = [
      ...watch.since(beganMs, "lte").slice(1),
      ...watch.since(beganMs, "fibre").filter(({ state }) => state !== "busy" && state !== "up"),
    ];
    for (const { wan, state, atMs } of tooMany)
      context.say(`${wan} ${state} after ${((atMs - beganMs) / 1000).toFixed(1)} s`);

    await lab.fault("blackhole", "lte");
    const lossyDownS = await after("lte", "down", 4 * FOUND_MS);
    context.say(`lossy: down after ${lossyDownS.toFixed(2)} s`);
    await lab.heal();
    await rig.mustBeWhole(await rig.stopDownloads());
    return { tooMany: tooMany.length, cleanDownS, degradedS, offBy, lossyDownS };
  } finally {
    await watch.stop();
    await stand.close();
  }
}

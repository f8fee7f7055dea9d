import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { rigsOf, type Rig } from "../load/rig.ts";
import { firstFlow, longestGap, nowMs } from "../load/timeline.ts";
import { kernelMptcp } from "../peers/kernelmptcp.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { openStands } from "../stand.ts";

const ROUNDS = 5;
/** Until both WANs carry what they can. */
const LEAD_MS = 2000;
/** Long enough that everyone has given the WAN up. */
const HOLE_MS = 4000;
const WATCH_MS = 5000;
/** Goodput of both WANs (bit/s); neither makes 0.8 of it alone, so then both carry. */
const BOTH_RATE = 140.4e6;
const CARRYING = { ms: 200, share: 0.8 } as const;

/** Both in seconds, as the user sees it. */
interface Return {
  readonly carrying: number;
  readonly longestGap: number;
}

export const pathReturn: Bench = {
  id: "return",
  about:
    "time from the end of a black hole of the faster WAN until a download has 0.8 of what both WANs carry",
  async run(context) {
    const { stands, failures } = await openStands([sennit, kernelMptcp], await dual(), context);
    const result = await contest(await rigsOf(stands, context.closer), context, {
      rounds: context.rounds(ROUNDS),
      measure: returnOf,
      tell: (found) => `${found.carrying.toFixed(2)} s, longest gap ${found.longestGap.toFixed(2)} s`,
    });
    const of = (name: string): readonly Return[] => result.rounds.get(name) ?? [];
    return {
      rounds: of("sennit").map(({ carrying }) => carrying),
      figures: [...result.rounds].flatMap(([name, found]) => [
        { name, unit: "s", rounds: found.map(({ carrying }) => carrying) },
        { name: `${name}, longest gap`, unit: "s", rounds: found.map((each) => each.longestGap) },
      ]),
      failures: [...failures, ...result.failures],
    };
  },
};

async function returnOf(rig: Rig): Promise<Return> {
  const { lab } = rig.stand;
  await rig.stand.settled();
  await rig.download();
  await sleep(LEAD_MS);
  await lab.fault("blackhole", "wan1");
  await sleep(HOLE_MS);
  const backMs = nowMs();
  await lab.heal();
  await sleep(WATCH_MS);
  const answer = await rig.stopDownloads();
  await rig.mustBeWhole(answer);
  const untilMs = backMs + WATCH_MS;
  const bytes = (BOTH_RATE / 8000) * CARRYING.ms * CARRYING.share;
  const carries = firstFlow(answer.timeline, { fromMs: backMs, untilMs, windowMs: CARRYING.ms, bytes });
  return {
    carrying: ((carries ?? untilMs) - backMs) / 1000,
    longestGap: longestGap(answer.timeline, backMs, untilMs) / 1000,
  };
}

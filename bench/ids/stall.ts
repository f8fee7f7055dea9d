import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { rigsOf, type Rig } from "../load/rig.ts";
import { bytesBetween, firstFlow, longestGap, nowMs, type Timeline } from "../load/timeline.ts";
import { kernelMptcp } from "../peers/kernelmptcp.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { openStands } from "../stand.ts";

const ROUNDS = 5;
/** Until both WANs carry what they can. */
const LEAD_MS = 2500;
/** How long is looked on after the fault: the kernel takes up to three seconds. */
const WATCH_MS = 4000;
/** What is left: goodput of the slower WAN (bit/s). */
const LEFT_RATE = 46.8e6;
/** It stands still when so much time brings less than a tenth of what is left, and moves when so much time brings 0.8 of it. */
const STILL = { ms: 50, share: 0.1 } as const;
const MOVING = { ms: 100, share: 0.8 } as const;

/** Both in seconds, as the user sees it. */
interface Stall {
  /** From the fault until the download moves again; 0 where it never stood still. */
  readonly repaired: number;
  readonly longestGap: number;
}

export const stall: Bench = {
  id: "stall",
  about:
    "time from a silent black hole of the faster WAN until a download moves again at 0.8 of what the other carries",
  async run(context) {
    const { stands, failures } = await openStands([sennit, kernelMptcp], await dual(), context);
    const result = await contest(await rigsOf(stands, context.closer), context, {
      rounds: context.rounds(ROUNDS),
      measure: stallOf,
      tell: (found) => `${found.repaired.toFixed(2)} s, longest gap ${found.longestGap.toFixed(2)} s`,
    });
    const of = (name: string): readonly Stall[] => result.rounds.get(name) ?? [];
    return {
      rounds: of("sennit").map(({ repaired }) => repaired),
      figures: [...result.rounds].flatMap(([name, found]) => [
        { name, unit: "s", rounds: found.map(({ repaired }) => repaired) },
        { name: `${name}, longest gap`, unit: "s", rounds: found.map((each) => each.longestGap) },
      ]),
      failures: [...failures, ...result.failures],
    };
  },
};

async function stallOf(rig: Rig): Promise<Stall> {
  const { lab } = rig.stand;
  await rig.stand.settled();
  await rig.download();
  await sleep(LEAD_MS);
  const faultMs = nowMs();
  await lab.fault("blackhole", "wan1");
  await sleep(WATCH_MS);
  const answer = await rig.stopDownloads();
  await lab.heal();
  await rig.mustBeWhole(answer);
  return {
    repaired: repairedMs(answer.timeline, faultMs) / 1000,
    longestGap: longestGap(answer.timeline, faultMs, faultMs + WATCH_MS) / 1000,
  };
}

/** Where it does not move again, the time that was looked on. */
function repairedMs(line: Timeline, faultMs: number): number {
  const untilMs = faultMs + WATCH_MS;
  const bytes = ({ ms, share }: typeof STILL | typeof MOVING): number => (LEFT_RATE / 8000) * ms * share;
  for (let at = faultMs; at + STILL.ms <= untilMs; at += line.stepMs) {
    if (bytesBetween(line, at, at + STILL.ms) >= bytes(STILL)) continue;
    const moves = firstFlow(line, { fromMs: at, untilMs, windowMs: MOVING.ms, bytes: bytes(MOVING) });
    return (moves ?? untilMs) - faultMs;
  }
  return 0;
}

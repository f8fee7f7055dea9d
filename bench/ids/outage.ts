import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/base/errors.ts";
import type { Bench, Figure } from "../bench.ts";
import { rigsOf, type Rig } from "../load/rig.ts";
import { firstByte, nowMs, type Timeline } from "../load/timeline.ts";
import { kernelMptcp } from "../peers/kernelmptcp.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { openStands } from "../stand.ts";

const ROUNDS = 1;
const OUTAGE_MS = 60_000;
const LEAD_MS = 2000;
/** About seven seconds of both WANs: it begins before the outage and ends after it. */
const DOWNLOAD_BYTES = 120e6;
/** Who has not gone on by then is told to take as long. */
const LIMIT_MS = 20_000;

/** Seconds from the return of the WANs until something came. */
interface Resumed {
  readonly echo: number;
  readonly download: number;
}

/** All contestants sit through the same minute. */
export const outage: Bench = {
  id: "outage",
  about:
    "60 s with every WAN down, then back with new public addresses: time until a shell session and a download go on",
  async run(context) {
    const { stands, failures: absent } = await openStands([sennit, kernelMptcp], await dual(), context);
    const failures = [...absent];
    const rigs = await rigsOf(stands, context.closer);
    const resumed = new Map<string, Resumed[]>(rigs.map(({ name }) => [name, []]));
    const rounds = context.rounds(ROUNDS);
    for (let round = 1; round <= rounds; round++) {
      await Promise.all(
        rigs.map(async (rig) => {
          try {
            const found = await resumedAfter(rig);
            resumed.get(rig.name)?.push(found);
            const { echo, download } = found;
            context.say(
              `round ${round} of ${rounds}: ${rig.name}: echo ${echo.toFixed(2)} s, download ${download.toFixed(2)} s`,
            );
          } catch (error) {
            failures.push(messageOf(error));
          }
        }),
      );
    }
    return {
      rounds: (resumed.get("sennit") ?? []).map(({ echo, download }) => Math.max(echo, download)),
      figures: [...resumed].flatMap(([name, found]): Figure[] => [
        { name: `${name}, echo`, unit: "s", rounds: found.map(({ echo }) => echo) },
        { name: `${name}, download`, unit: "s", rounds: found.map(({ download }) => download) },
      ]),
      failures,
    };
  },
};

async function resumedAfter(rig: Rig): Promise<Resumed> {
  const { lab } = rig.stand;
  await rig.stand.settled();
  await rig.type();
  await rig.download({ bytes: DOWNLOAD_BYTES });
  await sleep(LEAD_MS);
  for (const wan of ["wan1", "wan2"]) await lab.fault("down", wan);
  for (const nat of ["nat1", "nat2"]) await lab.fault("public-address", nat);
  await sleep(OUTAGE_MS);
  const backMs = nowMs();
  await lab.heal("down");
  await rig.downloaded(LIMIT_MS);
  const [download, typed] = [await rig.stopDownloads(), await rig.stopTyping()];
  // The peer is no product of ours: that it loses the session is its result, and stands there as the time allowed.
  if (rig.name === "sennit") {
    await rig.mustBeWhole(download);
    if (download.right !== 1)
      throw await rig.failure(`of a download only a part came in ${LIMIT_MS / 1000} s`);
    if (typed.wrong !== null) throw await rig.failure(`the shell session: ${typed.wrong}`);
  }
  const after = (line: Timeline): number =>
    Math.min(LIMIT_MS, (firstByte(line, backMs) ?? Infinity) - backMs) / 1000;
  return { echo: after(typed.timeline), download: after(download.timeline) };
}

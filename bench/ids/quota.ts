import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "../../src/api/status.ts";
import { SennitError } from "../../src/base/errors.ts";
import type { Pair } from "../../src/lab/pair.ts";
import { parseDeviceCounters } from "../../src/linux/counters.ts";
import type { Bench, Context } from "../bench.ts";
import type { Contestant } from "../contestant.ts";
import { Rig } from "../load/rig.ts";
import { sennit, startPair } from "../peers/sennit.ts";
import { cascade } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 1;
/** As the config says it: powers of 1024 (bytes). */
const QUOTA_TEXT = "500 MB";
const QUOTA = 500 * 1024 ** 2;
/** At this share of it control is killed with signal 9; it is started anew so much later (ms). */
const KILLED_AT = 0.5;
const AWAY_MS = 2000;
/** What comes after the quota is used up is counted for so long (ms). */
const AFTER_MS = 5000;
/** The fibre takes 42 s (ms). */
const LIMIT_MS = 120_000;
const LOOK_MS = 20;

interface Found {
  readonly actedOffBy: number;
  readonly finalOffBy: number;
  readonly countOffBy: number;
}

export const quota: Bench = {
  id: "quota",
  about:
    "a quota of 500 MB at full rate, control killed on the way: how far off it is when it is acted on, and in the end",
  async run(context) {
    context.uses(await sennit.version());
    const rounds: Found[] = [];
    for (let round = 0; round < context.rounds(ROUNDS); round++) rounds.push(await measure(context));
    return {
      rounds: rounds.map(({ actedOffBy }) => actedOffBy),
      figures: [
        { name: "final counter, off by", unit: "%", rounds: rounds.map(({ finalOffBy }) => finalOffBy) },
        { name: "count beside the kernel's", unit: "%", rounds: rounds.map(({ countOffBy }) => countOffBy) },
      ],
      failures: [],
    };
  },
};

async function measure(context: Context): Promise<Found> {
  let pair: Pair | undefined;
  const limited: Contestant = {
    name: "sennit",
    version: () => sennit.version(),
    start: async (lab, { client }, closer) => {
      const limit = { total: QUOTA_TEXT, action: "off" };
      const wans = { fibre: { interface: "fibre", quota: limit }, lte: { interface: "lte" } };
      const started = await startPair(lab, { wans, client }, closer);
      pair = started.pair;
      return started.running;
    },
  };
  const stand = await Stand.open(limited, await cascade(), context);
  const rig = await Rig.open(stand, context.closer);
  if (pair === undefined) throw new SennitError("bug", "bench-load", "nothing was started");
  try {
    await stand.settled();
    const before = fibreOf(await stand.status());
    /** By the kernel, from where the count began. */
    const base = (await movedBy(stand)) - counted(before);
    const used = async (): Promise<number> => (await movedBy(stand)) - base;
    await rig.download();
    await wanUntil(stand, (wan) => counted(wan) >= QUOTA * KILLED_AT);
    await pair.kill("router");
    await sleep(AWAY_MS);
    await pair.start("router");
    await wanUntil(stand, ({ state }) => state.name === "over-quota");
    const acted = percent(await used());
    context.say(`over quota at ${acted.toFixed(2)} % of it`);
    await sleep(AFTER_MS);
    const [final, told] = [percent(await used()), percent(counted(fibreOf(await stand.status())))];
    context.say(`${final.toFixed(2)} % in the end, counted ${told.toFixed(2)} %`);
    await rig.mustBeWhole(await rig.stopDownloads());
    return {
      actedOffBy: Math.abs(acted - 100),
      finalOffBy: Math.abs(final - 100),
      countOffBy: Math.abs(told - final),
    };
  } finally {
    await stand.close();
  }
}

type Wan = StatusReport["wans"][number];

function fibreOf({ wans }: StatusReport): Wan {
  const wan = wans.find(({ name }) => name === "fibre");
  if (wan === undefined) throw new SennitError("bug", "bench-load", "no WAN fibre");
  return wan;
}

/** What has gone over the fibre, as the kernel counts it now: the status is up to a second old. */
async function movedBy({ lab }: Stand): Promise<number> {
  const { stdout } = await lab.exec("router")(["cat", "/proc/net/dev"]);
  const { bytesIn = 0, bytesOut = 0 } = parseDeviceCounters(stdout).get("fibre") ?? {};
  return bytesIn + bytesOut;
}

const counted = ({ quota }: Wan): number => (quota === null ? 0 : quota.bytes.down + quota.bytes.up);
const percent = (bytes: number): number => (bytes / QUOTA) * 100;

/** The fibre when it is as wanted; control may be away meanwhile. */
async function wanUntil(stand: Stand, isWanted: (wan: Wan) => boolean): Promise<Wan> {
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await sleep(LOOK_MS)) {
    const status = await stand.status().catch(() => undefined);
    if (status !== undefined && isWanted(fibreOf(status))) return fibreOf(status);
  }
  throw new SennitError("peer", "bench-load", `the fibre is not as wanted after ${LIMIT_MS} ms`);
}

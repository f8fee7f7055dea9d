import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../src/lab/lab.ts";
import type { Pair } from "../../src/lab/pair.ts";
import type { Bench, Context } from "../bench.ts";
import { WEB, type Contestant } from "../contestant.ts";
import { Rig } from "../load/rig.ts";
import { nowMs } from "../load/timeline.ts";
import { damages, kernelStateOf, type Damage } from "../load/vandal.ts";
import { sennit, startPair } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { Stand } from "../stand.ts";

const LOOK_MS = 10;
/** What is not as it was by then stays so (ms). */
const LIMIT_MS = 10_000;
/** Between two damages: what the last one did shows by then. */
const REST_MS = 100;
/** The boxes behind the WANs, which see everything that leaves the router. */
const BEYOND = ["nat1", "nat2"] as const;
const LAN = "192.168.10.0/24";

/** Counts what comes from the router with an address of its LAN. */
const COUNTER = `table inet seen {
  chain private {
    type filter hook prerouting priority raw; policy accept;
    iifname "lan" ip saddr ${LAN} counter
  }
}
`;

export const heal: Bench = {
  id: "heal",
  about: "flushed tables and every rule deleted in turn, under load: time until all is back",
  async run(context) {
    context.uses(await sennit.version());
    const joined = Promise.withResolvers<Pair>();
    const stand = await Stand.open(contestant(joined.resolve), await dual(), context);
    const [pair, { lab }] = [await joined.promise, stand];
    for (const box of BEYOND) await lab.exec(box)(["nft", "-f", "-"], { input: COUNTER });
    const rig = await Rig.open(stand, context.closer);
    await stand.settled();
    // What goes out directly, all the time.
    const ping = await lab.start("user", ["ping", "-q", "-i", "0.02", WEB.address], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    context.closer.add("ping", () => void ping.kill("SIGKILL"));
    await rig.download();
    await rig.type();
    const seconds = await inflict(pair, context);
    const [downloads, typed] = [await rig.stopDownloads(), await rig.stopTyping()];
    const cut = downloads.cut.length + (typed.wrong === null ? 0 : 1);
    const told = await eventsIn(pair);
    return {
      rounds: seconds,
      figures: [
        { name: "flows cut", unit: "flows", rounds: [cut] },
        { name: "bytes wrong", unit: "bytes", rounds: [downloads.bytesWrong] },
        { name: "left with a private source", unit: "packets", rounds: [await leaked(lab)] },
        { name: "not told of", unit: "damages", rounds: [Math.max(0, seconds.length - told)] },
      ],
      failures: [],
    };
  },
};

/** Does all the damage there is, one after the other; how long each lasted (s). */
async function inflict(pair: Pair, { say }: Context): Promise<readonly number[]> {
  const exec = pair.lab.exec("router");
  const before = await kernelStateOf(exec);
  const seconds: number[] = [];
  for (const damage of await damages(exec)) {
    const tookS = await healedAfter(damage, before, pair);
    say(`${damage.name}: ${tookS.toFixed(2)} s`);
    seconds.push(tookS);
    await sleep(REST_MS);
  }
  return seconds;
}

/** NaN where it is not. */
async function healedAfter({ commands }: Damage, before: string, { lab }: Pair): Promise<number> {
  const exec = lab.exec("router");
  for (const command of commands) await exec(command);
  const beganMs = nowMs();
  while (nowMs() - beganMs < LIMIT_MS) {
    if ((await kernelStateOf(exec)) === before) return (nowMs() - beganMs) / 1000;
    await sleep(LOOK_MS);
  }
  return NaN;
}

async function leaked(lab: Lab): Promise<number> {
  let packets = 0;
  for (const box of BEYOND) {
    const { stdout } = await lab.exec(box)(["nft", "list", "table", "inet", "seen"]);
    packets += Number(/counter packets (\d+)/.exec(stdout)?.[1]);
  }
  return packets;
}

/** How many times the router told that something was taken away and put back. */
const eventsIn = async (pair: Pair): Promise<number> =>
  (await readFile(pair.logFile, "utf8"))
    .split("\n")
    .filter((line) => /"code":"(?:kernel-state-lost|main-rule-missing)"/.test(line)).length;

const contestant = (onPair: (pair: Pair) => void): Contestant => ({
  ...sennit,
  start: async (lab, { wans, client }, closer) => {
    const devices = Object.fromEntries(wans.map((device) => [device, { interface: device }]));
    const { pair, running } = await startPair(lab, { wans: devices, client }, closer);
    onPair(pair);
    return running;
  },
});

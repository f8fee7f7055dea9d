import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { Rig } from "../load/rig.ts";
import { nowMs } from "../load/timeline.ts";
import { WanWatch } from "../load/wanwatch.ts";
import { sennit } from "../peers/sennit.ts";
import { cascade } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 1;
/** How long the WANs are full, of the ten minutes that `--seconds 600` gives them. */
const SECONDS = 60;
const DOWNLOADS = 8;
const TELL_MS = 10_000;
/** In these a WAN is in use. */
const IN_USE: ReadonlySet<string> = new Set(["up", "busy", "degraded"]);

export const busy: Bench = {
  id: "busy",
  about: "8 downloads fill both WANs, and their gateways answer no ping: times that a WAN is taken for dead",
  async run(context) {
    context.uses(await sennit.version());
    const [downs, busyShare, mbits]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < context.rounds(ROUNDS); round++) {
      const stand = await Stand.open(sennit, await cascade(), context);
      const rig = await Rig.open(stand, context.closer);
      const watch = new WanWatch(stand);
      await stand.settled();
      for (const cpe of ["cpe-fibre", "cpe-lte"]) {
        const rules =
          "add table inet deaf\nadd chain inet deaf in { type filter hook input priority 0; }\nadd rule inet deaf in meta l4proto icmp drop\n";
        await stand.lab.exec(cpe)(["nft", "-f", "-"], { input: rules });
      }
      watch.start();
      await rig.download({ count: DOWNLOADS });
      const beganMs = nowMs();
      let [looks, busyLooks] = [0, 0];
      while (nowMs() < beganMs + context.seconds(SECONDS) * 1000) {
        await sleep(TELL_MS);
        const wans = [watch.wan("fibre"), watch.wan("lte")];
        looks += wans.length;
        busyLooks += wans.filter(({ state }) => state.name === "busy").length;
        context.say(wans.map(({ name, state, reason }) => `${name} ${state.name}: ${reason}`).join("; "));
      }
      const tookS = (nowMs() - beganMs) / 1000;
      const answer = await rig.stopDownloads();
      await watch.stop();
      const out = watch.since(beganMs).filter(({ state }) => !IN_USE.has(state));
      for (const { wan, state, atMs } of out)
        context.say(`${wan} ${state} after ${((atMs - beganMs) / 1000).toFixed(1)} s`);
      downs.push(out.length);
      busyShare.push(busyLooks / looks);
      mbits.push((answer.timeline.bytes.reduce((sum, each) => sum + each, 0) * 8) / tookS / 1e6);
      await stand.close();
    }
    return {
      rounds: downs,
      figures: [
        { name: "sennit, both WANs", unit: "Mbit/s", rounds: mbits },
        { name: "sennit, share of looks at which a WAN was busy", unit: "", rounds: busyShare },
      ],
      failures: [],
    };
  },
};

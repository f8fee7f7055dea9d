import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { SERVER } from "../contestant.ts";
import { flowsAnswer } from "../load/flows.ts";
import { Helper } from "../load/helper.ts";
import { Rig } from "../load/rig.ts";
import { longestGap, nowMs } from "../load/timeline.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { Stand } from "../stand.ts";

const FLAPS = 20;
/** A flap a period: the WAN is gone for the first half of it. */
const PERIOD_MS = 3000;
const DOWNLOADS = 4;
const MEGABYTE = 1e6;
/** Flows that bring something there and back twice a second. */
const CHAT = { count: 100, together: 20, bytes: 2000, everyMs: 500 } as const;

/** One WAN after the other, in turn without a word and with the cable out. Another WAN is always there. */
const WANS = ["wan1", "wan2"] as const;
const KINDS = ["blackhole", "blackhole", "down", "down"] as const;

export const flaps: Bench = {
  id: "flaps",
  about: "20 times in 60 s a WAN goes and comes back under load: flows that are cut and bytes that are wrong",
  async run(context) {
    context.uses(await sennit.version());
    const stand = await Stand.open(sennit, await dual(), context);
    const { lab, way } = stand;
    const rig = await Rig.open(stand, context.closer);
    const users = await Helper.start(lab, way.client, "flows-main");
    context.closer.add("flows", () => users.stop());
    const { everyMs, bytes, count, together } = CHAT;
    const to = { address: way.address, seenAs: SERVER.address };
    await users.ask({ kind: "open", ...to, count, together, bytes }, flowsAnswer);
    await rig.download({ count: DOWNLOADS });
    await rig.type();
    const beganMs = nowMs();
    const chatting = users.ask({ kind: "chat", bytes, everyMs, ms: FLAPS * PERIOD_MS }, flowsAnswer);
    for (let flap = 0; flap < FLAPS; flap++) {
      const [wan = "wan1", kind = "down"] = [WANS[flap % WANS.length], KINDS[flap % KINDS.length]];
      await lab.fault(kind, wan);
      await sleep(Math.max(0, beganMs + (flap + 1 / 2) * PERIOD_MS - nowMs()));
      await lab.heal();
      await sleep(Math.max(0, beganMs + (flap + 1) * PERIOD_MS - nowMs()));
    }
    const [chat, downloads, typed] = [await chatting, await rig.stopDownloads(), await rig.stopTyping()];
    const cuts = [...downloads.cut, ...(typed.wrong === null ? [] : [typed.wrong])];
    for (const cut of cuts) context.say(`cut: ${cut}`);
    if (chat.why !== null) context.say(`cut: ${chat.why}`);
    const cut = cuts.length + chat.failed;
    const moved = downloads.timeline.bytes.reduce((sum, each) => sum + each, 0);
    const gap = longestGap(downloads.timeline, beganMs, beganMs + FLAPS * PERIOD_MS);
    return {
      rounds: [cut + downloads.bytesWrong],
      figures: [
        { name: "flows cut", unit: "flows", rounds: [cut] },
        { name: "bytes wrong", unit: "bytes", rounds: [downloads.bytesWrong] },
        { name: "downloaded", unit: "MB", rounds: [moved / MEGABYTE] },
        { name: "longest time without a byte", unit: "s", rounds: [gap / 1000] },
        { name: "there and back", unit: "times", rounds: [chat.answered] },
        { name: "keys echoed", unit: "of those typed", rounds: [typed.echoed / typed.typed] },
      ],
      failures: [],
    };
  },
};

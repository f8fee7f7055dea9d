import { z } from "zod";
import { SennitError } from "../../src/base/errors.ts";
import type { Bench } from "../bench.ts";
import { SERVER, WEB } from "../contestant.ts";
import { flowsAnswer } from "../load/flows.ts";
import { Helper } from "../load/helper.ts";
import { nowMs } from "../load/timeline.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 5;
const FLOWS = 1000;
const TOGETHER = 50;
const BYTES = 200;

export const natReboot: Bench = {
  id: "nat-reboot",
  about:
    "both NATs lose all they know under 1000 flows: time until every flow has brought something there and back",
  async run(context) {
    context.uses(await sennit.version());
    const stand = await Stand.open(sennit, await dual(), context);
    const start = async (host: string, name: string): Promise<Helper> => {
      const helper = await Helper.start(stand.lab, host, name);
      context.closer.add(name, () => helper.stop());
      return helper;
    };
    await (await start(WEB.host, "echo-main")).ask({}, z.object({}));
    const users = await start(stand.way.client, "flows-main");
    const to = { address: stand.way.address, seenAs: SERVER.address };
    await users.ask({ kind: "open", ...to, count: FLOWS, together: TOGETHER, bytes: BYTES }, flowsAnswer);
    const burst = async (): Promise<number> => {
      const { answered, why, lastMs } = await users.ask({ kind: "burst", bytes: BYTES }, flowsAnswer);
      if (answered === FLOWS) return lastMs;
      throw new SennitError("peer", "bench-load", `${FLOWS - answered} of ${FLOWS} flows were cut: ${why}`);
    };
    const [rounds, seconds, usual] = [context.rounds(ROUNDS), [] as number[], [] as number[]];
    for (let round = 1; round <= rounds; round++) {
      await stand.settled();
      const beforeMs = nowMs();
      usual.push(((await burst()) - beforeMs) / 1000);
      const rebootMs = nowMs();
      await Promise.all(["nat1", "nat2"].map((nat) => stand.lab.fault("nat-reboot", nat)));
      const tookS = ((await burst()) - rebootMs) / 1000;
      seconds.push(tookS);
      context.say(`round ${round} of ${rounds}: ${tookS.toFixed(2)} s`);
    }
    return {
      rounds: seconds,
      figures: [
        { name: "sennit", unit: "s", rounds: seconds },
        { name: "sennit, without a reboot", unit: "s", rounds: usual },
      ],
      failures: [],
    };
  },
};

import { z } from "zod";
import { messageOf } from "../../src/base/errors.ts";
import type { Bench } from "../bench.ts";
import { SERVER, WEB } from "../contestant.ts";
import { flowsAnswer } from "../load/flows.ts";
import { Helper } from "../load/helper.ts";
import { sennit } from "../peers/sennit.ts";
import { shadowsocks } from "../peers/shadowsocks.ts";
import { cascadeOfSmallNats } from "../sites.ts";
import { openStands, type Stand } from "../stand.ts";

const MAX_ENTRIES = 256;
const FLOWS = 1000;
/** Each waits for its answer; a relay that never answers one must not take all day. */
const TOGETHER = 500;
const BYTES = 200;

export const smallNat: Bench = {
  id: "small-nat",
  about:
    "flows that are served at the same time, of 1000, while the NAT box of each WAN holds no more than 256 connections",
  async run(context) {
    const site = await cascadeOfSmallNats(MAX_ENTRIES);
    const { stands, failures: absent } = await openStands([sennit, shadowsocks], site, context);
    const failures = [...absent];
    const served = new Map<string, number>();
    for (const stand of stands) {
      try {
        served.set(stand.name, await servedBy(stand));
        context.say(`${stand.name}: ${served.get(stand.name)} of ${FLOWS} flows`);
      } catch (error) {
        failures.push(messageOf(error));
      }
      await stand.close();
    }
    const ours = served.get("sennit");
    return {
      rounds: ours === undefined ? [] : [ours],
      figures: [...served].map(([name, flows]) => ({ name, unit: "flows", rounds: [flows] })),
      failures,
    };
  },
};

/** Opens all flows, and counts those that carry something there and back while all are open. */
async function servedBy({ lab, way }: Stand): Promise<number> {
  const echo = await Helper.start(lab, WEB.host, "echo-main");
  const users = await Helper.start(lab, way.client, "flows-main");
  try {
    await echo.ask({}, z.object({}));
    const to = { address: way.address, seenAs: SERVER.address };
    await users.ask({ kind: "open", ...to, count: FLOWS, together: TOGETHER, bytes: BYTES }, flowsAnswer);
    return (await users.ask({ kind: "burst", bytes: BYTES }, flowsAnswer)).answered;
  } finally {
    await users.stop();
    await echo.stop();
  }
}

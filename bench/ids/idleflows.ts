import { z } from "zod";
import { messageOf, SennitError } from "../../src/base/errors.ts";
import type { Bench } from "../bench.ts";
import { SERVER, WEB } from "../contestant.ts";
import { flowsAnswer } from "../load/flows.ts";
import { Helper } from "../load/helper.ts";
import { sennit } from "../peers/sennit.ts";
import { unshaped } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 3;
const FLOWS = 10_000;
const TOGETHER = 50;
/** What each flow carries there and back before it is left alone. */
const BYTES = 200;
/** Of the flows, one in as many is tried at the end. */
const CHECK_EVERY = 50;
const MEGABYTE = 1e6;

/** Resident memory (MB) of all processes of a role. */
interface Memory {
  readonly router: number;
  readonly server: number;
}

/** No peer beside it: shadowsocks-libev takes two descriptors a connection, more than a process may have here. */
export const idleFlows: Bench = {
  id: "idle-flows",
  about:
    "resident memory of router and of server, the larger, with 10,000 flows open that carried something and rest",
  async run(context) {
    const site = await unshaped();
    const failures: string[] = [];
    const [before, open]: [Memory[], Memory[]] = [[], []];
    const rounds = context.rounds(ROUNDS);
    context.uses(await sennit.version());
    for (let round = 1; round <= rounds; round++) {
      // A new one each time: memory that was used once is not always given back.
      const stand = await Stand.open(sennit, site, context);
      try {
        before.push(memoryOf(stand));
        const memory = await withFlows(stand);
        open.push(memory);
        const { router, server } = memory;
        context.say(
          `round ${round} of ${rounds}: router ${router.toFixed(0)} MB, server ${server.toFixed(0)} MB`,
        );
      } catch (error) {
        failures.push(messageOf(error));
      }
      await stand.close();
    }
    return {
      rounds: open.map(({ router, server }) => Math.max(router, server)),
      figures: (["router", "server"] as const).flatMap((role) => [
        { name: role, unit: "MB", rounds: open.map((memory) => memory[role]) },
        { name: `${role} without flows`, unit: "MB", rounds: before.map((memory) => memory[role]) },
      ]),
      failures,
    };
  },
};

/** Opens the flows, looks, and sees whether they still work. */
async function withFlows(stand: Stand): Promise<Memory> {
  const { lab, way } = stand;
  const [echo, users] = [
    await Helper.start(lab, WEB.host, "echo-main"),
    await Helper.start(lab, way.client, "flows-main"),
  ];
  try {
    await echo.ask({}, z.object({}));
    const all = {
      address: way.address,
      seenAs: SERVER.address,
      count: FLOWS,
      together: TOGETHER,
      bytes: BYTES,
    };
    const { failed, why: refused } = await users.ask({ kind: "open", ...all }, flowsAnswer);
    if (failed > 0)
      throw new SennitError("peer", "bench-load", `${failed} flows were not opened: ${refused}`);
    const memory = memoryOf(stand);
    const check = { kind: "check", every: CHECK_EVERY, bytes: BYTES };
    const { open, why } = await users.ask(check, flowsAnswer);
    if (open === FLOWS) return memory;
    throw new SennitError("peer", "bench-load", `of ${FLOWS} flows only ${open} were left: ${why}`);
  } finally {
    await users.stop();
    await echo.stop();
  }
}

function memoryOf(stand: Stand): Memory {
  return { router: stand.rssBytes("router") / MEGABYTE, server: stand.rssBytes("server") / MEGABYTE };
}

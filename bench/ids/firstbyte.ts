import type { Bench } from "../bench.ts";
import { Helper } from "../load/helper.ts";
import { requestsAnswer } from "../load/requests.ts";
import { SERVER, WEB } from "../contestant.ts";
import { sennit } from "../peers/sennit.ts";
import { cascade } from "../sites.ts";
import { Stand } from "../stand.ts";
import { ratios } from "../statistics.ts";

const ROUNDS = 200;
/** Requests before those that count: neighbours are found, code is compiled. */
const WARM_UP = 10;
const LIMIT_MS = 10_000;
/** What the web host sees of a connection that leaves by the fibre (src/lab/topology/builtin/cascade.yaml). */
const FIBRE_ADDRESS = "198.51.100.2";

/**
 * A user behind the router asks through Sennit, with both WANs joined; the router's own host asks directly, by its
 * default route over the fibre, the better of the two WANs.
 */
export const firstByte: Bench = {
  id: "first-byte",
  about:
    "time to the first byte of a new connection, beside the same request straight over the best WAN (cascade)",
  async run(context) {
    context.uses(await sennit.version());
    const { lab, way } = await Stand.open(sennit, await cascade(), context);
    const start = async (host: string, seenAs: string): Promise<() => Promise<number>> => {
      const helper = await Helper.start(lab, host, "requests-main");
      context.closer.add("requests", () => helper.stop());
      const errand = { address: WEB.address, seenAs, together: 1, count: 1, ms: LIMIT_MS };
      return async () => (await helper.ask(errand, requestsAnswer)).firstByteMs.p50;
    };
    const through = await start(way.client, SERVER.address);
    const straight = await start("router", FIBRE_ADDRESS);
    const times = { through: [] as number[], straight: [] as number[] };
    const rounds = context.rounds(ROUNDS);
    for (let round = -WARM_UP; round < rounds; round++) {
      const [ours, theirs] = [await through(), await straight()];
      if (round < 0) continue;
      times.through.push(ours);
      times.straight.push(theirs);
    }
    context.say(`${rounds} requests each`);
    return {
      rounds: ratios(times.through, times.straight),
      figures: [
        { name: "sennit", unit: "ms", rounds: times.through },
        { name: "best WAN directly", unit: "ms", rounds: times.straight },
      ],
      failures: [],
    };
  },
};

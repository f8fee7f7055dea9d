import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { transfer } from "../load/iperf.ts";
import { haproxy } from "../peers/haproxy.ts";
import { sennit } from "../peers/sennit.ts";
import { shadowsocks } from "../peers/shadowsocks.ts";
import { openStands } from "../stand.ts";
import { ratios } from "../statistics.ts";
import { unshaped } from "../sites.ts";

const ROUNDS = 5;
const SECONDS = 3;

export const cpuPerGb: Bench = {
  id: "cpu-per-gb",
  about: "CPU time of router and server for a GB in each direction, 1 stream on plain cables",
  async run(context) {
    const { stands, failures } = await openStands([sennit, shadowsocks, haproxy], await unshaped(), context);
    const seconds = context.seconds(SECONDS);
    const result = await contest(stands, context, {
      rounds: context.rounds(ROUNDS),
      measure: async (stand) => {
        const { cpuPerGb: down } = await transfer(stand, { direction: "down", streams: 1, seconds });
        const { cpuPerGb: up } = await transfer(stand, { direction: "up", streams: 1, seconds });
        return { down, up };
      },
      tell: ({ down, up }) => `${down.toFixed(2)} CPU s/GB down, ${up.toFixed(2)} up`,
    });
    const both = (name: string): number[] =>
      (result.rounds.get(name) ?? []).map(({ down, up }) => (down + up) / 2);
    return {
      rounds: ratios(both("sennit"), both(shadowsocks.name)),
      figures: [...result.rounds].flatMap(([name, costs]) => [
        { name, unit: "CPU s/GB", rounds: both(name) },
        { name: `${name}, down`, unit: "CPU s/GB", rounds: costs.map(({ down }) => down) },
        { name: `${name}, up`, unit: "CPU s/GB", rounds: costs.map(({ up }) => up) },
      ]),
      failures: [...failures, ...result.failures],
    };
  },
};

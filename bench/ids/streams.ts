import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { transfer, type Moved } from "../load/iperf.ts";
import { sennit } from "../peers/sennit.ts";
import { shadowsocks } from "../peers/shadowsocks.ts";
import { openStands } from "../stand.ts";
import { unshaped } from "../sites.ts";

const ROUNDS = 3;
const SECONDS = 4;
const GBIT = 1e9;
/** How many streams at a time, and by how many iperf3: the same number wherever there are enough streams for it. */
const LADDER = [
  { streams: 1, clients: 1 },
  { streams: 8, clients: 4 },
  { streams: 64, clients: 4 },
  { streams: 512, clients: 4 },
] as const;

type Steps = ReadonlyMap<number, Moved>;

export const bulk512: Bench = {
  id: "bulk-512",
  about: "throughput of 512 streams together beside that of 8, and the CPU time of a GB in 1, 8, 64 and 512",
  async run(context) {
    const { stands, failures } = await openStands([sennit, shadowsocks], await unshaped(), context);
    const seconds = context.seconds(SECONDS);
    const result = await contest(stands, context, {
      rounds: context.rounds(ROUNDS),
      measure: async (stand) => {
        const steps = new Map<number, Moved>();
        for (const step of LADDER) {
          steps.set(step.streams, await transfer(stand, { direction: "down", seconds, ...step }));
        }
        return steps;
      },
      tell: (steps) =>
        [...steps].map(([streams, { rate }]) => `${streams}: ${(rate / GBIT).toFixed(2)}`).join(", "),
    });
    const ours = result.rounds.get("sennit") ?? [];
    const rate = (steps: Steps, streams: number): number => (steps.get(streams)?.rate ?? NaN) / GBIT;
    return {
      rounds: ours.map((steps) => rate(steps, 512) / rate(steps, 8)),
      figures: [...result.rounds].flatMap(([name, rounds]) =>
        LADDER.flatMap(({ streams }) => [
          {
            name: `${name}, ${streams} streams`,
            unit: "Gbit/s",
            rounds: rounds.map((steps) => rate(steps, streams)),
          },
          {
            name: `${name}, ${streams} streams, cost`,
            unit: "CPU s/GB",
            rounds: rounds.map((steps) => steps.get(streams)?.cpuPerGb ?? NaN),
          },
        ]),
      ),
      failures: [...failures, ...result.failures],
    };
  },
};

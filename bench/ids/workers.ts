import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { transfer, type Moved } from "../load/iperf.ts";
import { sennitAs } from "../peers/sennit.ts";
import { openStands } from "../stand.ts";
import { unshaped } from "../sites.ts";

const ROUNDS = 5;
const SECONDS = 4;
const GBIT = 1e9;
const MEGABYTE = 1e6;
/** How many streams at a time, and by how many iperf3. */
const LADDER = [
  { streams: 8, clients: 4 },
  { streams: 64, clients: 4 },
] as const;

const ONE = sennitAs("sennit, 1 worker", { workers: 1 });
const TWO = sennitAs("sennit, 2 workers", { workers: 2 });

interface Measured {
  readonly steps: readonly Moved[];
  /** Of all processes of router and server. */
  readonly rssBytes: number;
}

export const workers: Bench = {
  id: "workers",
  about: "throughput of 8 and of 64 streams with two workers beside that with one, the worse of the two",
  async run(context) {
    const { stands, failures } = await openStands([ONE, TWO], await unshaped(), context);
    const seconds = context.seconds(SECONDS);
    const result = await contest(stands, context, {
      rounds: context.rounds(ROUNDS),
      measure: async (stand): Promise<Measured> => {
        const steps: Moved[] = [];
        for (const step of LADDER) steps.push(await transfer(stand, { direction: "down", seconds, ...step }));
        return { steps, rssBytes: stand.rssBytes("router") + stand.rssBytes("server") };
      },
      tell: ({ steps }) => LADDER.map(({ streams }, at) => `${streams}: ${gbit(steps[at])}`).join(", "),
    });
    const of = (name: string): readonly Measured[] => result.rounds.get(name) ?? [];
    const ratio = (round: number, at: number): number =>
      (of(TWO.name)[round]?.steps[at]?.rate ?? NaN) / (of(ONE.name)[round]?.steps[at]?.rate ?? NaN);
    const rounds = of(TWO.name).map((_, round) => Math.min(...LADDER.map((__, at) => ratio(round, at))));
    return {
      rounds,
      figures: [...result.rounds].flatMap(([name, measured]) => [
        ...LADDER.flatMap(({ streams }, at) => [
          {
            name: `${name}, ${streams} streams`,
            unit: "Gbit/s",
            rounds: measured.map(({ steps }) => (steps[at]?.rate ?? NaN) / GBIT),
          },
          {
            name: `${name}, ${streams} streams, cost`,
            unit: "CPU s/GB",
            rounds: measured.map(({ steps }) => steps[at]?.cpuPerGb ?? NaN),
          },
        ]),
        {
          name: `${name}, memory of router and server`,
          unit: "MB",
          rounds: measured.map(({ rssBytes }) => rssBytes / MEGABYTE),
        },
      ]),
      failures: [...failures, ...result.failures],
    };
  },
};

const gbit = (moved: Moved | undefined): string => ((moved?.rate ?? NaN) / GBIT).toFixed(2);

import { messageOf } from "../../src/base/errors.ts";
import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import type { Contestant } from "../contestant.ts";
import { transfer } from "../load/iperf.ts";
import { kernelMptcp } from "../peers/kernelmptcp.ts";
import { sennit } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 3;
const SECONDS = 5;
/** Until a connection with 50 ms of round trip has found its speed. */
const OMIT_SECONDS = 2;
const MBIT = 1e6;
const DIRECTIONS = ["down", "up"] as const;

/** Mbit/s in each direction. */
type Rates = Readonly<Record<(typeof DIRECTIONS)[number], number>>;

/** The same program with both WANs, and with each alone. */
const LANES = { both: ["wan1", "wan2"], wan1: ["wan1"], wan2: ["wan2"] } as const;
const laneName = ({ name }: Contestant, lane: string): string => `${name}, ${lane}`;

export const aggregate: Bench = {
  id: "aggregate",
  about:
    "both WANs (100 Mbit/s 16 ms, 50 Mbit/s 50 ms) together beside the sum of each alone, the worse direction",
  async run(context) {
    const site = await dual();
    const stands: Stand[] = [];
    const failures: string[] = [];
    for (const contestant of [sennit, kernelMptcp]) {
      context.uses(await contestant.version());
      for (const [lane, wans] of Object.entries(LANES)) {
        const name = laneName(contestant, lane);
        try {
          stands.push(await Stand.open({ ...contestant, name }, { ...site, wans }, context));
        } catch (error) {
          failures.push(`${name} could not run: ${messageOf(error)}`);
        }
      }
    }
    const options = { streams: 1, seconds: context.seconds(SECONDS), omitSeconds: OMIT_SECONDS };
    const result = await contest(stands, context, {
      rounds: context.rounds(ROUNDS),
      measure: async (stand) => {
        const down = await transfer(stand, { direction: "down", ...options });
        const up = await transfer(stand, { direction: "up", ...options });
        return { down: down.rate / MBIT, up: up.rate / MBIT };
      },
      tell: ({ down, up }) => `${down.toFixed(1)} Mbit/s down, ${up.toFixed(1)} up`,
    });
    const rates = (contestant: Contestant, lane: string): readonly Rates[] =>
      result.rounds.get(laneName(contestant, lane)) ?? [];
    /** Of each round, what both WANs make of the sum of each alone. */
    const shares = (contestant: Contestant): Rates[] =>
      rates(contestant, "both").map((both, round) => {
        const [wan1, wan2] = ["wan1", "wan2"].map((lane) => rates(contestant, lane)[round]);
        const share = (direction: keyof Rates): number =>
          both[direction] / ((wan1?.[direction] ?? NaN) + (wan2?.[direction] ?? NaN));
        return { down: share("down"), up: share("up") };
      });
    return {
      rounds: shares(sennit).map(({ down, up }) => Math.min(down, up)),
      figures: [sennit, kernelMptcp].flatMap((contestant) =>
        DIRECTIONS.flatMap((direction) => [
          {
            name: `${contestant.name}, ${direction}`,
            unit: "x sum of single paths",
            rounds: shares(contestant).map((share) => share[direction]),
          },
          ...Object.keys(LANES).map((lane) => ({
            name: `${laneName(contestant, lane)}, ${direction}`,
            unit: "Mbit/s",
            rounds: rates(contestant, lane).map((rate) => rate[direction]),
          })),
        ]),
      ),
      failures: [...failures, ...result.failures],
    };
  },
};

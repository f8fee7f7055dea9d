import type { Bench, Context } from "../bench.ts";
import { contest } from "../contest.ts";
import { SERVER, WEB } from "../contestant.ts";
import { Helper } from "../load/helper.ts";
import { requestsAnswer, type RequestsAnswer } from "../load/requests.ts";
import { sennit } from "../peers/sennit.ts";
import { shadowsocks } from "../peers/shadowsocks.ts";
import { openStands, type Stand } from "../stand.ts";
import { unshaped } from "../sites.ts";
import { ratios } from "../statistics.ts";

const ROUNDS = 5;
const SECONDS = 4;
/** Enough that no party waits for another. */
const TOGETHER = 32;
/** More than can be made in any time allowed. */
const MANY = 10_000_000;

interface Accepted extends RequestsAnswer {
  /** CPU time of router and server for one connection. */
  readonly cpuMs: number;
}

export const accept: Bench = {
  id: "accept",
  about: "new connections per second, each with a request, an answer and its end, on plain cables",
  async run(context) {
    const { stands, failures } = await openStands([sennit, shadowsocks], await unshaped(), context);
    const askers = await Promise.all(stands.map((stand) => asker(stand, context)));
    const ms = context.seconds(SECONDS) * 1000;
    const errand = { address: WEB.address, seenAs: SERVER.address, together: TOGETHER, count: MANY, ms };
    const result = await contest(askers, context, {
      rounds: context.rounds(ROUNDS),
      measure: async ({ stand, helper }): Promise<Accepted> => {
        const before = cpuOf(stand);
        const answer = await helper.ask(errand, requestsAnswer);
        return { ...answer, cpuMs: ((cpuOf(stand) - before) * 1000) / answer.answered };
      },
      tell: (answer) =>
        `${perSecond(answer).toFixed(0)}/s, first byte after ${answer.firstByteMs.p50.toFixed(1)} ms`,
    });
    const rates = (name: string): number[] => (result.rounds.get(name) ?? []).map(perSecond);
    return {
      rounds: ratios(rates("sennit"), rates(shadowsocks.name)),
      figures: [...result.rounds].flatMap(([name, answers]) => [
        { name, unit: "connections/s", rounds: rates(name) },
        { name: `${name}, cost`, unit: "CPU ms/connection", rounds: answers.map(({ cpuMs }) => cpuMs) },
        {
          name: `${name}, first byte`,
          unit: "ms",
          rounds: answers.map(({ firstByteMs }) => firstByteMs.p50),
        },
        {
          name: `${name}, first byte of the slowest 1 %`,
          unit: "ms",
          rounds: answers.map(({ firstByteMs }) => firstByteMs.p99),
        },
      ]),
      failures: [...failures, ...result.failures],
    };
  },
};

/** A stand, and a program on its client's host that makes the requests. */
interface Asker {
  readonly name: string;
  readonly stand: Stand;
  readonly helper: Helper;
}

async function asker(stand: Stand, { closer }: Context): Promise<Asker> {
  const helper = await Helper.start(stand.lab, stand.way.client, "requests-main");
  closer.add("requests", () => helper.stop());
  return { name: stand.name, stand, helper };
}

const cpuOf = (stand: Stand): number => stand.cpuSeconds("router") + stand.cpuSeconds("server");
const perSecond = ({ answered, ms }: RequestsAnswer): number => (answered * 1000) / ms;

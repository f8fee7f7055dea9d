import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SennitError } from "../../src/base/errors.ts";
import type { Pair } from "../../src/lab/pair.ts";
import type { Bench, Context } from "../bench.ts";
import { SERVER, WEB, type Contestant } from "../contestant.ts";
import { FAILURES, type Failure } from "../load/failures.ts";
import { Helper } from "../load/helper.ts";
import { KNOCK_EVERY_MS, Knocks, type Knock } from "../load/knocks.ts";
import { firstByte, nowMs } from "../load/timeline.ts";
import { typistAnswer, type TypistAnswer } from "../load/typist.ts";
import { sennit, startPair } from "../peers/sennit.ts";
import { dual } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 1;
/** Before each failure (ms). */
const LEAD_MS = 1000;
/** Of a failure that the router does not mend by itself (ms): several times what it may take to be got around. */
const FAILED_MS = 8000;
/** All connections of so long (ms) go through the server: they are back. */
const STEADY_MS = 1000;
/** What began directly goes on for so long after that (ms). */
const AFTER_MS = 3000;
/** After which nobody waits any more (ms). */
const LIMIT_MS = 30_000;
/** The router, as its LAN asks it for names. */
const RESOLVER = "192.168.10.1";
const LAN = { addresses: [`${RESOLVER}/24`], dns: { upstream: [WEB.address] } } as const;

type Found = readonly (readonly [
  name: string,
  unit: "s" | "flows" | "connections" | "tries",
  value: number,
])[];

export const failOpen: Bench = {
  id: "fail-open",
  about:
    "the server silent, the data process, control and dnsmasq killed, each alone: until all that is new works again",
  async run(context) {
    context.uses(await sennit.version());
    const figures = new Map<string, { readonly unit: string; readonly rounds: number[] }>();
    const slowest: number[] = [];
    for (let round = 0; round < context.rounds(ROUNDS); round++) {
      const found = [...(await failOpenly(context)), ...(await failClosed(context))];
      for (const [name, unit, value] of found) {
        const figure = figures.get(name) ?? { unit, rounds: [] };
        figures.set(name, figure);
        figure.rounds.push(value);
      }
      const waits = found.filter(([name]) => /: (?:connections|names)$/.test(name));
      slowest.push(Math.max(...waits.map(([, , seconds]) => seconds)));
    }
    return {
      rounds: slowest,
      figures: [...figures].map(([name, figure]) => ({ name, ...figure })),
      failures: [],
    };
  },
};

/** Every failure in turn, where what is new may go out directly. */
async function failOpenly(context: Context): Promise<Found> {
  const { stand, pair, knocks } = await openHouse("open", context);
  const typist = (): Promise<Helper> => Helper.start(stand.lab, stand.way.client, "typist-main");
  const found: Found[number][] = [];
  let [cut, lost] = [0, 0];
  try {
    for (const failure of FAILURES) {
      await stand.settled();
      const remote = failure.diverts ? await typist() : undefined;
      try {
        const { begunMs, endedMs, backMs, session } = await suffer(failure, { pair, knocks, remote });
        for (const kind of ["connection", "name"] as const) {
          const failedUntilMs = failure.mend === undefined ? Infinity : endedMs;
          const seconds = workingAfter(knocks.of(kind, begunMs, failedUntilMs), begunMs);
          context.say(`${failure.name}: ${kind}s work after ${seconds.toFixed(2)} s`);
          found.push([`${failure.name}: ${kind}s`, "s", seconds]);
        }
        if (failure.diverts) found.push([`${failure.name}, back after`, "s", (backMs - endedMs) / 1000]);
        context.say(`${failure.name}: back after ${((backMs - endedMs) / 1000).toFixed(2)} s`);
        if (session !== undefined && !goesOn(session, backMs)) {
          context.say(`${failure.name}: a direct session was cut: ${session.wrong ?? "it stands still"}`);
          cut++;
        }
        if (failure.mend !== undefined) {
          const missed = [
            ...knocks.of("connection", endedMs, Infinity),
            ...knocks.of("name", endedMs, Infinity),
          ].filter(({ answer }) => answer === null);
          for (const { of, begunMs: at, why } of missed)
            context.say(`${failure.name}, ${Math.round(at - endedMs)} ms after its end: ${of}: ${why}`);
          lost += missed.length;
        }
      } finally {
        await remote?.stop();
      }
    }
  } finally {
    await stand.close();
  }
  return [...found, ["direct flows cut", "flows", cut], ["not answered on the way back", "tries", lost]];
}

/** The same where nothing may: what did. */
async function failClosed(context: Context): Promise<Found> {
  const { stand, pair, knocks } = await openHouse("closed", context);
  try {
    for (const failure of FAILURES.filter(({ diverts }) => diverts)) {
      await stand.settled();
      await suffer(failure, { pair, knocks });
    }
    const direct = knocks
      .of("connection", 0, Infinity)
      .filter(({ answer }) => answer !== null && answer !== SERVER.address);
    return [["out directly though closed", "connections", direct.length]];
  } finally {
    await stand.close();
  }
}

interface House {
  readonly stand: Stand;
  readonly pair: Pair;
  readonly knocks: Knocks;
}

/** A site with names for its LAN, and someone who tries all the time. */
async function openHouse(onFailure: "open" | "closed", context: Context): Promise<House> {
  const joined = Promise.withResolvers<Pair>();
  const contestant: Contestant = {
    ...sennit,
    start: async (lab, { wans, client }, closer) => {
      // Someone out there who knows every name.
      const names = `dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file --user=root --no-resolv --no-hosts --address=/#/203.0.113.7 --log-facility=/dev/null`;
      const [program = "", ...args] = names.split(" ");
      const resolver = await lab.start(WEB.host, [program, ...args]);
      closer.add("resolver", () => void resolver.kill("SIGKILL"));
      const devices = Object.fromEntries(wans.map((device) => [device, { interface: device }]));
      const { pair, running } = await startPair(lab, { wans: devices, onFailure, lan: LAN, client }, closer);
      joined.resolve(pair);
      return running;
    },
  };
  const stand = await Stand.open(contestant, await dual(), context, `sennit, ${onFailure}`);
  const start = async (host: string, name: string): Promise<Helper> => {
    const helper = await Helper.start(stand.lab, host, name);
    context.closer.add(name, () => helper.stop());
    return helper;
  };
  await (await start(WEB.host, "echo-main")).ask({}, z.object({}));
  const knocks = new Knocks(await start(stand.way.client, "knocks-main"));
  await knocks.begin(WEB.address, RESOLVER);
  return { stand, pair: await joined.promise, knocks };
}

interface Suffered {
  readonly begunMs: number;
  readonly endedMs: number;
  /** When the first connection began from which on all went through the server. */
  readonly backMs: number;
  /** What was begun directly meanwhile. */
  readonly session?: TypistAnswer;
}

/** Inflicts one failure, lets `remote` begin a session meanwhile, and waits until all is back. */
async function suffer(
  failure: Failure,
  { pair, knocks, remote }: Omit<House, "stand"> & { readonly remote?: Helper | undefined },
): Promise<Suffered> {
  await sleep(LEAD_MS);
  await failure.inflict(pair);
  const begunMs = nowMs();
  if (remote !== undefined) {
    await knocks.until((all) => all.some((one) => one.begunMs > begunMs && isDirect(one)), LIMIT_MS);
    await remote.ask({ kind: "begin", address: WEB.address }, typistAnswer);
  }
  if (failure.mend !== undefined) {
    await sleep(begunMs + FAILED_MS - nowMs());
    await failure.mend(pair);
  }
  const endedMs = failure.mend === undefined ? begunMs : nowMs();
  let backMs = NaN;
  await knocks.until((all) => {
    const connections = all.filter(({ of, begunMs: at }) => of === "connection" && at > endedMs);
    const last = connections.findLastIndex(({ answer }) => answer !== SERVER.address);
    const back = connections.slice(last + 1);
    backMs = back[0]?.begunMs ?? NaN;
    return (back.at(-1)?.begunMs ?? NaN) - backMs >= STEADY_MS;
  }, LIMIT_MS);
  await sleep(AFTER_MS);
  await knocks.look();
  const session = await remote?.ask({ kind: "stop" }, typistAnswer);
  if (session !== undefined && (session.seenAs ?? SERVER.address) === SERVER.address)
    throw new SennitError("peer", "bench-load", `${failure.name}: no session was begun directly`);
  return { begunMs, endedMs, backMs, ...(session !== undefined && { session }) };
}

const isDirect = ({ of, answer }: Knock): boolean =>
  of === "connection" && answer !== null && answer !== SERVER.address;

/** From `sinceMs` until the first try from which on all were answered (s). */
function workingAfter(knocks: readonly Knock[], sinceMs: number): number {
  const last = knocks.findLast(({ answer }) => answer === null);
  return last === undefined ? 0 : (last.begunMs + KNOCK_EVERY_MS - sinceMs) / 1000;
}

/** Whether keys still came back when all else was back. */
const goesOn = ({ wrong, timeline }: TypistAnswer, backMs: number): boolean =>
  wrong === null && firstByte(timeline, backMs + AFTER_MS - STEADY_MS) !== undefined;

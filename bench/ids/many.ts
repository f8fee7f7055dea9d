import { SennitError } from "../../src/base/errors.ts";
import type { Bench, Outcome } from "../bench.ts";
import { SERVER } from "../contestant.ts";
import { flowsAnswer, type FlowsAnswer } from "../load/flows.ts";
import { Helper } from "../load/helper.ts";
import { requestsAnswer, type RequestsAnswer } from "../load/requests.ts";
import { Rig } from "../load/rig.ts";
import type { Timeline } from "../load/timeline.ts";
import { sennit } from "../peers/sennit.ts";
import { cascade } from "../sites.ts";
import { Stand } from "../stand.ts";

const SECONDS = 60;
const IDLE_FLOWS = 9500;
const TOGETHER = 50;
const BYTES = 200;
/** Flows with a request now and then. */
const CHAT = { count: 400, bytes: 2048, everyMs: 5000 } as const;
const BULK_FLOWS = 100;
const NEW_PER_SECOND = 300;
/** Requests, one after the other, to the system at rest. */
const AT_REST = 300;
const LOOK_EVERY_MS = 2000;
const MEGABYTE = 1e6;

/** What is allowed, each of which counts for one: entries in every NAT box of a WAN, resident memory (MB), first bytes. */
const MOST = { natEntries: 64, megabytes: 300, firstByteRatio: 2 } as const;
const NATS = ["cpe-fibre", "cpe-lte", "cgnat"] as const;
const ROLES = ["router", "server"] as const;

/** The highest that was seen of everything. */
type Peaks = Record<(typeof NATS)[number] | (typeof ROLES)[number], number>;

export const many: Bench = {
  id: "many",
  about:
    "9,500 idle flows, 400 with a request per 5 s, 100 bulk, 300 new per second behind one address: what is nearest to its bound of NAT entries, memory, time to first byte",
  async run(context) {
    context.uses(await sennit.version());
    const stand = await Stand.open(sennit, await cascade(), context);
    const { lab, way } = stand;
    const rig = await Rig.open(stand, context.closer);
    const start = async (name: string): Promise<Helper> => {
      const helper = await Helper.start(lab, way.client, name);
      context.closer.add(name, () => helper.stop());
      return helper;
    };
    const [idle, chatting, asking] = [
      await start("flows-main"),
      await start("flows-main"),
      await start("requests-main"),
    ];
    const to = { address: way.address, seenAs: SERVER.address };
    const ms = context.seconds(SECONDS) * 1000;

    const request = { ...to, together: 1, count: AT_REST, ms };
    await asking.ask({ ...request, count: AT_REST / 10 }, requestsAnswer);
    const atRest = await asking.ask(request, requestsAnswer);
    context.say(`at rest: first byte of the slowest 5 % after ${atRest.firstByteMs.p95.toFixed(1)} ms`);
    const open = async (users: Helper, count: number): Promise<void> => {
      const errand = { kind: "open", ...to, count, together: TOGETHER, bytes: BYTES };
      noneFailed(await users.ask(errand, flowsAnswer));
    };
    await open(idle, IDLE_FLOWS);
    await open(chatting, CHAT.count);
    context.say(`${IDLE_FLOWS + CHAT.count} flows are open`);

    await rig.download({ count: BULK_FLOWS });
    const watch = new Watch(stand);
    context.closer.add("watch", () => watch.stop());
    const [underLoad, chat] = await Promise.all([
      asking.ask({ ...request, count: NEW_PER_SECOND * SECONDS, perSecond: NEW_PER_SECOND }, requestsAnswer),
      chatting.ask({ kind: "chat", ms, bytes: CHAT.bytes, everyMs: CHAT.everyMs }, flowsAnswer),
    ]);
    const peaks = watch.end();
    const bulk = await rig.stopDownloads();
    const rested = await idle.ask({ kind: "burst", bytes: BYTES }, flowsAnswer);
    const refused = Object.entries({ idle: rested, "now and then": chat, new: underLoad }).flatMap(
      ([what, { failed, why }]) =>
        failed > 0 ? [`of the flows (${what}) ${failed} were refused or cut, the first: ${why}`] : [],
    );
    return {
      ...outcome(peaks, atRest, underLoad, rateOf(bulk.timeline)),
      failures: [...refused, ...bulk.cut.map((cut) => `a download was cut: ${cut}`)],
    };
  },
};

/** Sees how high everything goes, until its end. */
class Watch {
  readonly #stand: Stand;
  readonly #peaks: Peaks = { "cpe-fibre": 0, "cpe-lte": 0, cgnat: 0, router: 0, server: 0 };
  readonly #timer = setInterval(() => this.#look(), LOOK_EVERY_MS);

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  end(): Peaks {
    this.stop();
    this.#look();
    return this.#peaks;
  }

  #look(): void {
    for (const nat of NATS) this.#saw(nat, this.#stand.lab.host(nat).nat?.entries ?? NaN);
    for (const role of ROLES) this.#saw(role, this.#stand.rssBytes(role) / MEGABYTE);
  }

  #saw(what: keyof Peaks, value: number): void {
    this.#peaks[what] = Math.max(this.#peaks[what], value);
  }
}

function outcome(
  peaks: Peaks,
  atRest: RequestsAnswer,
  underLoad: RequestsAnswer,
  bulkRate: number,
): Omit<Outcome, "failures"> {
  const ratio = underLoad.firstByteMs.p95 / atRest.firstByteMs.p95;
  const shares = [
    ...NATS.map((nat) => peaks[nat] / MOST.natEntries),
    ...ROLES.map((role) => peaks[role] / MOST.megabytes),
    ratio / MOST.firstByteRatio,
  ];
  const figure = (name: string, unit: string, value: number) => ({ name, unit, rounds: [value] });
  return {
    rounds: [Math.max(...shares)],
    figures: [
      ...NATS.map((nat) => figure(nat, `NAT entries of ${MOST.natEntries}`, peaks[nat])),
      ...ROLES.map((role) => figure(role, `MB of ${MOST.megabytes}`, peaks[role])),
      figure("first byte, slowest 5 %", `x at rest of ${MOST.firstByteRatio}`, ratio),
      figure("first byte, slowest 5 %, at rest", "ms", atRest.firstByteMs.p95),
      figure("first byte, slowest 5 %, under load", "ms", underLoad.firstByteMs.p95),
      figure("first byte, median, at rest", "ms", atRest.firstByteMs.p50),
      figure("first byte, median, under load", "ms", underLoad.firstByteMs.p50),
      figure("new flows under load", "flows", underLoad.answered),
      figure("bulk", "Mbit/s", bulkRate),
    ],
  };
}

function noneFailed({ failed, why }: FlowsAnswer): void {
  if (failed > 0)
    throw new SennitError("peer", "bench-load", `${failed} flows were refused or cut, the first: ${why}`);
}

/** Mbit/s. */
function rateOf({ bytes, stepMs }: Timeline): number {
  return (bytes.reduce((sum, each) => sum + each, 0) * 8) / (bytes.length * stepMs) / 1000;
}

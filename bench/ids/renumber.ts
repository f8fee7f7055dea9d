import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { Client } from "../../src/api/client.ts";
import { socketPath } from "../../src/api/listen.ts";
import { loadRouterConfig } from "../../src/config/router.ts";
import type { Pair } from "../../src/lab/pair.ts";
import { WanLeaseFile } from "../../src/store/wanleases.ts";
import type { Bench, Context } from "../bench.ts";
import type { Contestant } from "../contestant.ts";
import { wrongInKernel } from "../load/kernelstate.ts";
import { Rig } from "../load/rig.ts";
import { nowMs } from "../load/timeline.ts";
import { sennit, startPair } from "../peers/sennit.ts";
import { dhcp } from "../sites.ts";
import { Stand } from "../stand.ts";

const ROUNDS = 3;
/** Before each change (ms): the download has all it can have by then. */
const LEAD_MS = 1500;
/** After which nobody waits any more (ms). */
const LIMIT_MS = 20_000;
const LOOK_MS = 20;

/** wan1 has its address by DHCP. wan2 is set up by its host, and comes into the config while the router runs. */
const ONE = { wan1: { interface: "wan1", addressing: "dhcp" } } as const;
const TWO = { ...ONE, wan2: { interface: "wan2" } } as const;
const ADDRESS = "192.168.2.2/24";
const [GATEWAY, OTHER_GATEWAY] = ["192.168.2.1", "192.168.2.254"];
const RENUMBERED = "10.77.0.1/24";

export const renumber: Bench = {
  id: "renumber",
  about:
    "a WAN's address, gateway or device changes, and one is added, under a download: until the kernel holds what it should",
  async run(context) {
    context.uses(await sennit.version());
    const figures = new Map<string, number[]>();
    const slowest: number[] = [];
    for (let round = 0; round < context.rounds(ROUNDS); round++) {
      const found = await measure(context);
      for (const [name, seconds] of found) figures.set(name, [...(figures.get(name) ?? []), seconds]);
      slowest.push(Math.max(...found.map(([, seconds]) => seconds)));
    }
    return {
      rounds: slowest,
      figures: [...figures].map(([name, rounds]) => ({ name, unit: "s", rounds })),
      failures: [],
    };
  },
};

interface Change {
  readonly name: string;
  /** Settles when it is made; or else says since when it is (nowMs). */
  readonly make: () => Promise<number | void>;
  /** Whether the router could know of it by now; at once unless told. */
  readonly isSeen?: () => boolean;
  /** The next one is made in the state that this one leaves. */
  readonly stays?: true;
}

/** How long after each change the kernel held what it should (s). Throws `bench-load` when a flow is cut or a byte wrong. */
async function measure(context: Context): Promise<readonly (readonly [string, number])[]> {
  const joined = Promise.withResolvers<Pair>();
  const stand = await Stand.open(renumbered(joined.resolve), await dhcp(), context);
  const pair = await joined.promise;
  const rig = await Rig.open(stand, context.closer);
  const found: (readonly [string, number])[] = [];
  try {
    await rig.download();
    await sleep(LEAD_MS);
    for (const { name, make, isSeen = () => true, stays } of await changesOf(pair)) {
      const sinceMs = (await make()) ?? nowMs();
      for (;;) {
        const wrong = isSeen() ? await wrongInKernel(pair) : ["nothing of it is seen yet"];
        if (wrong.length === 0) break;
        if (nowMs() - sinceMs > LIMIT_MS) throw await rig.failure(`${name}: ${wrong.join("; ")}`);
        await sleep(LOOK_MS);
      }
      const seconds = (nowMs() - sinceMs) / 1000;
      context.say(`${name}: ${seconds.toFixed(2)} s`);
      found.push([name, seconds]);
      if (stays) continue;
      await stand.settled();
      await sleep(LEAD_MS);
    }
    await rig.mustBeWhole(await rig.stopDownloads());
    return found;
  } finally {
    await stand.close();
  }
}

/** Sennit with one WAN in its config, and another set up for later. */
const renumbered = (onPair: (pair: Pair) => void): Contestant => ({
  name: "sennit",
  version: () => sennit.version(),
  start: async (lab, { client }, closer) => {
    await lab.exec("router")(["ip", "address", "add", ADDRESS, "dev", "wan2"]);
    await lab.exec("router")(["ip", "route", "add", ...routeBy(GATEWAY)]);
    const { pair, running } = await startPair(lab, { wans: ONE, client }, closer);
    onPair(pair);
    return running;
  },
});

const routeBy = (gateway: string): readonly string[] =>
  `default via ${gateway} dev wan2 metric 200`.split(" ");

async function changesOf(pair: Pair): Promise<readonly Change[]> {
  const { lab } = pair;
  const { directories } = await loadRouterConfig(pair.configFile("router"));
  const client = new Client(socketPath(directories.run));
  const leases = new WanLeaseFile(directories.run);
  const ip = (host: string, words: string): Promise<unknown> => lab.exec(host)(["ip", ...words.split(" ")]);
  const useGateway = (gateway: string): Promise<unknown> =>
    lab.exec("router")(["ip", "route", "replace", ...routeBy(gateway)]);
  const link = (words: string): Promise<unknown> => ip("router", `link set ${words}`);
  return [
    {
      name: "a WAN is added to the config",
      make: async () => {
        const file = pair.configFile("router");
        const config = parse(await readFile(file, "utf8")) as object;
        await writeFile(file, stringify({ ...config, wans: TWO }));
        const sinceMs = nowMs();
        await client.apply(null);
        return sinceMs;
      },
    },
    {
      name: "the gateway is another",
      make: async () => {
        await ip("nat2", `address add ${OTHER_GATEWAY}/24 dev lan`);
        await useGateway(OTHER_GATEWAY);
      },
    },
    {
      name: "the device goes",
      make: async () => {
        await link("wan2 down");
        await link("wan2 name gone0");
      },
      stays: true,
    },
    {
      name: "the device is back",
      make: async () => {
        await link("gone0 name wan2");
        await link("wan2 up");
        await ip("router", `address replace ${ADDRESS} dev wan2`);
        await useGateway(GATEWAY);
      },
    },
    {
      name: "the address is another, by DHCP",
      make: () => lab.fault("renumber", "nat1:lan", RENUMBERED),
      isSeen: () => leases.read(Date.now()).some(({ gateway }) => RENUMBERED.startsWith(`${gateway}/`)),
    },
  ];
}

import type { Bench, Context, Outcome } from "../bench.ts";
import { contest } from "../contest.ts";
import { transfer, type Direction } from "../load/iperf.ts";
import { haproxy } from "../peers/haproxy.ts";
import { kernelMptcp } from "../peers/kernelmptcp.ts";
import { sennit } from "../peers/sennit.ts";
import { shadowsocks } from "../peers/shadowsocks.ts";
import { openStands } from "../stand.ts";
import { ratios } from "../statistics.ts";
import { unshaped } from "../sites.ts";

/** Throughput as fast as the machine can, LAN client - router - server - target, beside the peers. */
const ROUNDS = 5;
const SECONDS = 4;
const GBIT = 1e9;

export const bulkDown: Bench = {
  id: "bulk-down",
  about: "throughput of 1 stream towards the user on plain cables",
  run: (context) => bulk(context, "down", 1),
};

export const bulkUp: Bench = {
  id: "bulk-up",
  about: "throughput of 1 stream from the user on plain cables",
  run: (context) => bulk(context, "up", 1),
};

export const bulk8: Bench = {
  id: "bulk-8",
  about: "throughput of 8 streams together towards the user on plain cables",
  run: (context) => bulk(context, "down", 8),
};

async function bulk(context: Context, direction: Direction, streams: number): Promise<Outcome> {
  const { stands, failures } = await openStands(
    [sennit, shadowsocks, haproxy, kernelMptcp],
    await unshaped(),
    context,
  );
  const seconds = context.seconds(SECONDS);
  const result = await contest(stands, context, {
    rounds: context.rounds(ROUNDS),
    measure: (stand) => transfer(stand, { direction, streams, seconds }),
    tell: ({ rate, cpuPerGb }) => `${(rate / GBIT).toFixed(2)} Gbit/s, ${cpuPerGb.toFixed(2)} CPU s/GB`,
  });
  const rates = (name: string): number[] => (result.rounds.get(name) ?? []).map(({ rate }) => rate / GBIT);
  return {
    rounds: ratios(rates("sennit"), rates(shadowsocks.name)),
    figures: [...result.rounds.keys()].map((name) => ({ name, unit: "Gbit/s", rounds: rates(name) })),
    failures: [...failures, ...result.failures],
  };
}

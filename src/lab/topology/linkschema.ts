import { z } from "zod";
import { parseChance, parseDuration, parseRate, parseSize } from "../../base/units.ts";
import { BURST_LOSS_ALLOWED, parseBurstLoss } from "../link/burstloss.ts";
import { readRateTrace, type RateTrace } from "../link/ratetrace.ts";
import type { Reordering } from "../link/settings.ts";
import { from, quantity, within } from "./fields.ts";

/** What may be said about a link. */

/** Minutes of delay are a slip of the unit. */
const MAX_DELAY_MS = 10_000;
/** More cannot be held in memory (wire.ts). */
const MAX_QUEUE_BYTES = 32 * 1024 * 1024;

const MIN_RATE = 1000;
const rate = from(
  parseRateOrTrace,
  'a rate from 1 kbit/s such as "100 Mbit/s", or "trace FILE", a file of steps such as "1.5 s: 20 Mbit/s"',
).describe("How fast; without it, as fast as the machine can");
const delay = quantity(parseDuration, 'a time of at most 10 s such as "8 ms"', 0, MAX_DELAY_MS).describe(
  "One way; the round trip is twice as long",
);
const jitter = quantity(parseDuration, 'a time of at most 10 s such as "5 ms"', 0, MAX_DELAY_MS).describe(
  "Standard deviation of the delay; packets keep their order",
);
const loss = quantity(parseChance, 'a chance from 0 % to 100 % such as "0.5 %"', 0, 1000).describe(
  "Packets lost by chance",
);
const burstLoss = from((input) => parseBurstLoss(String(input)), BURST_LOSS_ALLOWED).describe(
  "Packets lost in bursts, besides those lost by chance",
);
const reorder = from(
  (input) => parseReordering(String(input)),
  'a share of the packets and a time of at most 10 s such as "2 % by 10 ms"',
).describe("Packets held back, so that others overtake them");
/** IPv4 wants 68 bytes of every link (RFC 791, 3.2); no interface here sends more than 1500. */
const mtuBlackhole = quantity(parseSize, 'a size from 68 to 1499 bytes such as "1400"', 68, 1499).describe(
  "IP packets above it vanish, and no ICMP tells of it",
);
const block = z.boolean().meta({ allowed: "true or false" });
const queue = quantity(
  parseSize,
  'a size from 2 KB to 32 MB such as "64 KB"',
  2048,
  MAX_QUEUE_BYTES,
).describe("What may wait for the transmitter; without it, 64 KB or 100 ms at the rate, whichever is more");
/** More small packets cannot be held in memory (wire.ts). */
const MAX_LIMIT = 100_000;
const limit = z
  .int()
  .min(1)
  .max(MAX_LIMIT)
  .meta({ allowed: `a number of packets from 1 to ${MAX_LIMIT}` })
  .describe(
    "Packets in delay line and queue together; where it is said, `queue` is without limit unless said",
  );

export const directionFields = {
  rate: rate.optional(),
  delay: delay.optional(),
  jitter: jitter.optional(),
  loss: loss.optional(),
  burstLoss: burstLoss.optional(),
  reorder: reorder.optional(),
  mtuBlackhole: mtuBlackhole.optional(),
  blockUdp: block.optional().describe("UDP does not pass"),
  blockMpJoin: block.optional().describe("Additional subflows of MPTCP are not opened"),
  queue: queue.optional(),
  limit: limit.optional(),
};

const direction = z.strictObject(directionFields);

/** "router:fibre": the interface `fibre` of the host `router`. */
const end = from((input) => {
  const [host = "", device = "", ...rest] = String(input).split(":");
  return host !== "" && device !== "" && rest.length === 0 ? { host, device } : undefined;
}, 'an end of a link such as "router:fibre" (host, interface)');

/** What may be said about a link, in the file or while it is running. */
export const linkChange = z.strictObject({
  ...directionFields,
  up: direction.optional().describe("What differs from the first end to the second"),
  down: direction.optional().describe("What differs from the second end to the first"),
});

export const linkSchema = z.strictObject({
  ...linkChange.shape,
  ends: z
    .tuple([end, end])
    .meta({ allowed: 'two ends such as ["router:fibre", "isp:lan"]' })
    .describe("Which two interfaces; `up` is from the first to the second"),
});

/** A trace is read at once, so that what is wrong in it is told with all the rest. */
function parseRateOrTrace(input: string | number): number | RateTrace | undefined {
  const [, file] = /^trace (.+)$/.exec(String(input).trim()) ?? [];
  return file === undefined ? within(parseRate(input), MIN_RATE, Infinity) : readRateTrace(file);
}

function parseReordering(text: string): Reordering | undefined {
  const [share = "", time = "", ...rest] = text.split(" by ");
  const perMille = within(parseChance(share), 0, 1000);
  const by = within(parseDuration(time), 0, MAX_DELAY_MS);
  return perMille === undefined || by === undefined || rest.length > 0 ? undefined : { share: perMille, by };
}

export type LinkSpec = z.output<typeof linkSchema>;
export type LinkChange = z.input<typeof linkChange>;
export type DirectionChange = z.output<typeof direction>;

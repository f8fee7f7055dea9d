import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Lab } from "../../src/lab/lab.ts";
import type { LinkSpec } from "../../src/lab/topology/linkschema.ts";

/** What a stranger would measure: nothing here knows how the lab works. */
export interface Ping {
  readonly sent: number;
  readonly received: number;
  /** Round trips in milliseconds, shortest first. */
  readonly times: readonly number[];
}

/** The time that `share` of all stayed below. */
export function quantile({ times }: Ping, share: number): number {
  return times[Math.floor((times.length - 1) * share)] ?? NaN;
}

interface PingOptions {
  readonly count?: number;
  /** Milliseconds between two. */
  readonly every?: number;
  /** Leave by this device. */
  readonly device?: string;
}

/** The first packet finds the address of its neighbour by ARP, which is not the link's delay: it is thrown away. */
export async function ping(
  lab: Lab,
  host: string,
  address: string,
  options: PingOptions = {},
): Promise<Ping> {
  await run(lab, host, address, { ...options, count: 1 });
  return run(lab, host, address, options);
}

async function run(lab: Lab, host: string, address: string, options: PingOptions): Promise<Ping> {
  const { count = 10, every = 20, device } = options;
  const { stdout } = await lab.exec(host)(
    [
      ...(["ping", "-n", "-W", "0.5", "-c", String(count), "-i", String(every / 1000)] as const),
      ...(device === undefined ? [] : ["-I", device]),
      address,
    ],
    // 1: nothing came back, which is for the caller to judge. 2: the kernel knows no way.
    { allow: [0, 1, 2] },
  );
  const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  const times = [...stdout.matchAll(/ time=([\d.]+) ms/g)].map(([, time]) => Number(time));
  return { sent: Number(sent), received: Number(received), times: times.sort((a, b) => a - b) };
}

const tcp = z.object({
  intervals: z.array(
    z.object({ sum: z.object({ bytes: z.number(), seconds: z.number(), omitted: z.boolean() }) }),
  ),
});

/** Where one link ends, and with which address. */
export interface Ends {
  readonly first: End;
  readonly second: End;
}

interface End {
  readonly host: string;
  readonly device: string;
  readonly address: string;
}

export function endsOf(lab: Lab, { ends: [first, second] }: LinkSpec): Ends {
  const end = ({ host, device }: typeof first): End => ({
    host,
    device,
    address: lab.host(host).spec.interfaces[device]?.[0]?.first ?? "",
  });
  return { first: end(first), second: end(second) };
}

/** TCP goodput between the ends of a link in bit/s, over `seconds` after one that does not count. */
export async function throughput(
  lab: Lab,
  { first, second }: Ends,
  direction: "up" | "down",
  seconds: number,
): Promise<number> {
  const [sender, receiver] = direction === "up" ? [first, second] : [second, first];
  const port = String(await listening(lab, sender.host));
  // The receiver asks, so that what it has counted when it has counted it is what we get.
  const { stdout } = await lab.exec(receiver.host)(
    ["iperf3", "-J", "-R", "-c", sender.address, "-p", port, "-O", "1", "-t", String(seconds)],
    { timeoutMs: (seconds + 20) * 1000 },
  );
  const counted = tcp.parse(JSON.parse(stdout)).intervals.filter(({ sum }) => !sum.omitted);
  const total = (key: "bytes" | "seconds"): number => counted.reduce((all, { sum }) => all + sum[key], 0);
  return (total("bytes") * 8) / total("seconds");
}

export interface Flood {
  /** What arrived on the wire, in bit/s with Ethernet headers, once the queue was full. */
  readonly rate: number;
  /** Round trips meanwhile. */
  readonly ping: Ping;
}

/** A queue of 100 ms fills in a third of a second when a third too much comes in; iperf3 takes as long to start. */
const FILL_MS = 900;
const COUNT_MS = 1200;
const FLOOD = ["iperf3", "-u", "-l", "1400", "-t", "2.5"] as const;

/** Sends UDP at `rate` bit/s through a link, more than it can take, and looks at what comes out. */
export async function flood(
  lab: Lab,
  { first, second }: Ends,
  direction: "up" | "down",
  rate: number,
): Promise<Flood> {
  const [sender, receiver] = direction === "up" ? [first, second] : [second, first];
  const port = String(await listening(lab, receiver.host));
  const flooded = lab.exec(sender.host)(
    [...FLOOD, "-b", String(rate), "-c", receiver.address, "-p", port],
    // The last report may drown in the flood.
    { timeoutMs: 20_000, allow: [0, 1] },
  );
  await sleep(FILL_MS);
  const pinged = run(lab, sender.host, receiver.address, { count: 20, every: COUNT_MS / 20 });
  const before = await arrived(lab, receiver);
  await sleep(COUNT_MS);
  const after = await arrived(lab, receiver);
  await flooded;
  return { rate: ((after.bytes - before.bytes) * 8000) / (after.at - before.at), ping: await pinged };
}

const statistics = z.tuple([z.object({ stats64: z.object({ rx: z.object({ bytes: z.number() }) }) })]);

/** What a device has received, by the kernel's own count, and when it said so (ms). */
async function arrived(lab: Lab, { host, device }: End): Promise<{ bytes: number; at: number }> {
  const asked = performance.now();
  const { stdout } = await lab.exec(host)(["ip", "-j", "-s", "link", "show", "dev", device]);
  const at = (asked + performance.now()) / 2;
  return { bytes: statistics.parse(JSON.parse(stdout))[0].stats64.rx.bytes, at };
}

let nextPort = 5300;

/** An iperf3 that serves one test, and its port. */
async function listening(lab: Lab, host: string): Promise<number> {
  const port = nextPort++;
  const child = await lab.start(
    host,
    ["iperf3", "--server", "--one-off", "--forceflush", "--port", String(port)],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.exited.then(() => reject(new Error("iperf3 does not start")), reject);
  });
  child.stdout?.resume();
  return port;
}

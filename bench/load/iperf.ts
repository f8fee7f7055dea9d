import { once } from "node:events";
import { z } from "zod";
import { messageOf, SennitError } from "../../src/base/errors.ts";
import type { Child } from "../../src/linux/process.ts";
import { SERVER, WEB } from "../contestant.ts";
import type { Stand } from "../stand.ts";

/** `down` is towards the user, `up` away from the user. */
export type Direction = "down" | "up";

export interface Transfer {
  readonly direction: Direction;
  readonly streams: number;
  /** What counts, after what does not. */
  readonly seconds: number;
  /** While connections are made and windows grow; 1 s unless told. */
  readonly omitSeconds?: number;
  /** iperf3 clients that share the streams: none takes more than 128, and all want a fair share of a core. One unless told. */
  readonly clients?: number;
}

export interface Moved {
  /** Goodput as the receiver counted it (bit/s). */
  readonly rate: number;
  /** CPU seconds of all processes of router and server per 10^9 bytes, over the whole transfer. */
  readonly cpuPerGb: number;
}

/** Where the first iperf3 server listens; others follow. */
export const IPERF_PORT = 5211;
/** For connections to be made and results to be told: 512 of them take a while on a busy machine. */
const GRACE_SECONDS = 30;
/** What must have crossed the server in both directions for the traffic to have gone that way, of what was received. */
const CROSSED_SHARE = 0.9;
const GIGABYTE = 1e9;

const count = z.object({ bytes: z.number(), seconds: z.number() });
const report = z.object({
  intervals: z.array(z.object({ sum: z.object({ bytes: z.number() }) })),
  end: z.object({ sum_received: count }),
});
const failed = z.object({ error: z.string() });

/**
 * Moves bytes between the stand's client and the web host, iperf3 at both ends. Throws `bench-load` when iperf3 fails or
 * when bytes came another way than through the server.
 */
export async function transfer(stand: Stand, load: Transfer): Promise<Moved> {
  const { clients = 1 } = load;
  const ports = Array.from({ length: clients }, (_, index) => IPERF_PORT + index);
  const servers: Child[] = [];
  try {
    for (const port of ports) servers.push(await serve(stand, port));
    const before = await look(stand, load);
    const reports = await Promise.all(ports.map((port) => ask(stand, port, load)));
    const after = await look(stand, load);
    const received = reports.map(({ end }) => (end.sum_received.bytes * 8) / end.sum_received.seconds);
    const counted = sum(reports.flatMap(({ intervals }) => intervals.map((interval) => interval.sum.bytes)));
    // Upwards, the client counts what it sent: what the target's device received is less by what was on the way at the end.
    const bytes = Math.min(counted, after.web - before.web);
    const crossed = Math.min(after.up - before.up, after.down - before.down);
    if (stand.way.crossesServer && crossed < bytes * CROSSED_SHARE) {
      const share = Math.round((crossed / bytes) * 100);
      throw await failure(stand, `only ${share} % of the bytes went through the server`);
    }
    return { rate: sum(received), cpuPerGb: ((after.cpu - before.cpu) * GIGABYTE) / bytes };
  } finally {
    for (const server of servers) server.kill("SIGKILL");
    await Promise.all(servers.map(({ exited }) => exited));
  }
}

/** An iperf3 on the web host that serves one test; settles when it listens. */
async function serve({ lab, way, name }: Stand, port: number): Promise<Child> {
  const argv = ["iperf3", "--server", "--one-off", "--forceflush", "--port", String(port)];
  const [file = "", ...args] = [...way.wrapper, ...argv];
  const child = await lab.start(WEB.host, [file, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const ready = child.stdout && once(child.stdout, "data");
  if (await Promise.race([ready, child.exited.then(() => undefined)])) {
    child.stdout?.resume();
    return child;
  }
  child.kill("SIGKILL");
  throw new SennitError("kernel", "bench-load", `${name}: iperf3 does not start on the web host`);
}

async function ask(stand: Stand, port: number, load: Transfer): Promise<z.output<typeof report>> {
  const { lab, way } = stand;
  const { direction, streams, seconds, omitSeconds = 1, clients = 1 } = load;
  const options = {
    client: way.address,
    port,
    parallel: streams / clients,
    time: seconds,
    omit: omitSeconds,
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const reverse = direction === "down" ? ["--reverse"] : [];
  const [file = "", ...args] = [...way.wrapper, "iperf3", "--json", ...words, ...reverse];
  const timeoutMs = (seconds + omitSeconds + GRACE_SECONDS) * 1000;
  const run = lab.exec(way.client)([file, ...args], { timeoutMs, allow: [0, 1] });
  const { stdout, stderr } = await run.catch(async (error: unknown) => {
    throw await failure(stand, messageOf(error));
  });
  const said: unknown = JSON.parse(stdout);
  const error = failed.safeParse(said);
  if (error.success) throw await failure(stand, `iperf3: ${error.data.error}`);
  const read = report.safeParse(said);
  if (read.success) return read.data;
  throw await failure(stand, `iperf3's report cannot be read: ${z.prettifyError(read.error)} ${stderr}`);
}

interface Look {
  readonly cpu: number;
  /** Bytes that left the server, and that came to it. */
  readonly up: number;
  readonly down: number;
  /** Bytes that the web host received, or sent. */
  readonly web: number;
}

async function look(stand: Stand, { direction }: Transfer): Promise<Look> {
  const { up, down } = await stand.lab.link(SERVER.host).counters();
  // The first end of a host's cable is the host: what it sends goes "up".
  const web = (await stand.lab.link(WEB.host).counters())[direction === "up" ? "down" : "up"];
  const cpu = stand.cpuSeconds("router") + stand.cpuSeconds("server");
  return { cpu, up: up.bytes, down: down.bytes, web: web.bytes };
}

async function failure(stand: Stand, what: string): Promise<SennitError> {
  const [name, log] = [stand.name, await stand.log()];
  return new SennitError("peer", "bench-load", `${name}: ${what}${log === "" ? "" : `; it said: ${log}`}`);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

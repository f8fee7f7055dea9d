import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Closer } from "../../src/base/closer.ts";
import { Lab } from "../../src/lab/lab.ts";
import { Pair, type PairOptions } from "../../src/lab/pair.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import type { Sockets } from "../../src/linux/sockets.ts";
import { LogFile } from "./logfile.ts";
import { sennitArgv } from "./program.ts";

/** Addresses of the `cascade` lab (src/lab/topology/builtin/cascade.yaml). */
export const SERVER = { v4: "203.0.113.10", v6: "2001:db8:10::10" } as const;
export const WEB = { v4: "203.0.113.80", v6: "2001:db8:80::80" } as const;
/** What the internet sees of a connection that goes out directly by that WAN. */
export const PUBLIC = { fibre: "198.51.100.2", lte: "192.0.2.2" } as const;
export const PORT = 443;
const WANS = { fibre: { interface: "fibre" }, lte: { interface: "lte" } } as const;

/** The `cascade` lab, or another, with a router and its server in it: what every end-to-end test starts from. */
export interface Site {
  readonly lab: Lab;
  readonly pair: Pair;
  /** What router and server write, data processes included. */
  readonly log: LogFile;
  /** TCP as a program on that host has it. */
  sockets(host: string): Sockets;
}

export interface SiteOptions extends Partial<Pick<PairOptions, "server" | "endpoint">> {
  readonly relay?: object;
  /** Of the router's config; those of `cascade` unless told. */
  readonly wans?: object;
  readonly lan?: object;
  readonly notify?: object;
}

/** Builds the lab and joins router and server; none of the two runs yet. All of it is gone after `closer.close()`. */
export async function openSite(
  closer: Closer,
  { topology = "cascade", ...options }: SiteOptions & { readonly topology?: string } = {},
): Promise<Site> {
  const lab = await Lab.up(topology);
  closer.add("lab", () => lab.down());
  return openPair(closer, lab, options);
}

/** Another router and server for a lab that is there. */
export async function openPair(closer: Closer, lab: Lab, options: SiteOptions = {}): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "sennit-e2e-"));
  closer.add("log", () => rm(directory, { recursive: true }));
  const file = join(directory, "log");
  const log = openSync(file, "a");
  closer.add("log", () => closeSync(log));
  const {
    server,
    relay,
    wans = WANS,
    lan = { interfaces: ["lan"] },
    notify,
    endpoint = `${SERVER.v4}:${PORT}`,
  } = options;
  const pair = await Pair.prepare(lab, {
    endpoint,
    router: {
      lan,
      wans,
      ...(relay !== undefined && { relay }),
      ...(notify !== undefined && { notify }),
    },
    ...(server !== undefined && { server }),
    argv: sennitArgv,
    log,
  });
  closer.add("router and server", () => pair.down());
  return { lab, pair, log: new LogFile(file), sockets: (host) => kernelSockets(lab.netns(host)) };
}

import { fileURLToPath } from "node:url";
import { messageOf, SennitError } from "../../src/base/errors.ts";
import type { Closer } from "../../src/base/closer.ts";
import { VERSION } from "../../src/base/version.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { bonded, Pair } from "../../src/lab/pair.ts";
import { readFile } from "node:fs/promises";
import { SERVER, SERVER_PORT, WEB, type Contestant, type Running } from "../contestant.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/sennit", import.meta.url));
const LOG_TAIL_CHARACTERS = 600;
/** After the worst that is done to it. */
const SETTLE_LIMIT_MS = 60_000;

/** As a command line starts a program with such arguments. */
type Argv = (...args: readonly string[]) => readonly [string, ...string[]];

const fromSource: Argv = (...args) => [PROGRAM, ...args];

/** Sennit itself: router and server, started as a user would start them, with all carriers up before the load comes. */
export const sennit = sennitAs("sennit");

/** The same with something in the `relay` section of both config files, or started otherwise. */
export function sennitAs(name: string, relay: object = {}, argv = fromSource): Contestant {
  return {
    name,
    version: () => Promise.resolve(`sennit ${VERSION}`),
    async start(lab, { wans, client }, closer) {
      const devices = Object.fromEntries(wans.map((device) => [device, { interface: device }]));
      return (await startPair(lab, { wans: devices, relay, argv, client }, closer)).running;
    },
  };
}

interface PairSpec {
  /** Of the router's config. */
  readonly wans: object;
  readonly relay?: object;
  readonly lan?: object;
  /** Of the router alone. */
  readonly onFailure?: "open" | "closed";
  readonly argv?: Argv;
  readonly client: string;
}

/** Starts router and server in a lab, and waits until all carriers are up. */
export async function startPair(
  lab: Lab,
  { wans, relay = {}, lan = {}, onFailure = "open", argv = fromSource, client }: PairSpec,
  closer: Closer,
): Promise<{ readonly pair: Pair; readonly running: Running }> {
  const pair = await Pair.prepare(lab, {
    endpoint: `${SERVER.address}:${SERVER_PORT}`,
    router: { lan: { interfaces: ["lan"], ...lan }, wans, relay: { ...relay, onFailure } },
    server: { relay },
    argv,
  });
  closer.add("Sennit", () => pair.down());
  const log = async (): Promise<string> => (await readFile(pair.logFile, "utf8")).slice(-LOG_TAIL_CHARACTERS);
  try {
    await pair.up();
  } catch (cause) {
    const what = `${messageOf(cause)}; it said: ${await log()}`;
    throw new SennitError("peer", "bench-program", what, { cause });
  }
  const running: Running = {
    way: { client, address: WEB.address, wrapper: [], crossesServer: true },
    log,
    settled: () => pair.until("router", bonded, SETTLE_LIMIT_MS),
    status: () => pair.status("router"),
  };
  return { pair, running };
}

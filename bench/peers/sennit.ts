import { fileURLToPath } from "node:url";
import { VERSION } from "../../src/base/version.ts";
import { Pair } from "../../src/lab/pair.ts";
import { readFile } from "node:fs/promises";
import { SERVER, SERVER_PORT, WEB, type Contestant } from "../contestant.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/sennit", import.meta.url));
const LOG_TAIL_CHARACTERS = 600;

export interface SennitOptions {
  /** The devices that are WANs; `wan1` and `wan2` unless told. */
  readonly wans?: readonly string[];
  /** The host whose user asks; `user` unless told. */
  readonly client?: string;
}

/** Sennit itself: router and server, started as a user would start them, with all carriers up before the load comes. */
export function sennit({ wans = ["wan1", "wan2"], client = "user" }: SennitOptions = {}): Contestant {
  return {
    name: "sennit",
    version: () => Promise.resolve(`sennit ${VERSION}`),
    async start(lab) {
      const pair = await Pair.prepare(lab, {
        endpoint: `${SERVER.address}:${SERVER_PORT}`,
        router: {
          lan: { interfaces: ["lan"] },
          wans: Object.fromEntries(wans.map((device) => [device, { interface: device }])),
        },
        argv: (...args) => [PROGRAM, ...args],
      });
      let log = "";
      try {
        await pair.up();
      } catch (error) {
        await pair.down();
        throw error;
      }
      return {
        way: { client, address: WEB.address, wrapper: [], crossesServer: true },
        log: () => log,
        async stop() {
          log = (await readFile(pair.logFile, "utf8")).slice(-LOG_TAIL_CHARACTERS);
          await pair.down();
        },
      };
    },
  };
}

import { z } from "zod";
import { directories, drain, grace, graceMemory, log, version, workers } from "./fields.ts";
import { loadConfig, parseConfig, type ConfigKind } from "./load.ts";
import { mptcp } from "./mptcp.ts";
import { ipAddress, network } from "./networkfields.ts";

const schema = z.strictObject({
  version,
  listen: z
    .strictObject({
      port: z.int().min(1).max(65_535).default(443).describe("The one port for everything a router sends"),
      addresses: z
        .array(ipAddress)
        .min(1)
        .default(["::"])
        .describe('The addresses to listen on; "::" is all of them, IPv4 included'),
    })
    .prefault({})
    .describe("Where routers reach this server"),
  relay: z
    .strictObject({ grace, graceMemory, drain, workers })
    .prefault({})
    .describe("How TCP connections are carried"),
  mptcp,
  egress: z
    .strictObject({
      allowPrivate: z
        .array(network)
        .default([])
        .describe(
          "Private networks that routers' users may reach through this server, all others being refused",
        ),
    })
    .prefault({})
    .describe("What may be reached through this server"),
  directories: directories("server"),
  log,
});

export type ServerConfig = z.output<typeof schema>;

/** Everything there is to know about server files: also for the documentation. */
export const serverConfigKind: ConfigKind<typeof schema> = { schema, rules: () => [] };

/** Checks a server's config. Throws one `config-invalid` with all problems; `name` stands for the file in it. */
export function parseServerConfig(text: string, name: string): ServerConfig {
  return parseConfig(serverConfigKind, text, name);
}

/** Reads and checks a server's config file. Throws `config-unreadable` or `config-invalid`. */
export function loadServerConfig(path: string): Promise<ServerConfig> {
  return loadConfig(serverConfigKind, path);
}

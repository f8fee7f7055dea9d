import { Command } from "commander";
import { Client } from "../api/client.ts";
import { socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import { SennitError } from "../base/errors.ts";
import type { Role } from "../config/fields.ts";
import { formatAge, writeJson, writeLine } from "./output.ts";

interface RoleConfig {
  readonly directories: { readonly run: string };
}

/** How long the new processes may take (ms): a small board reads the program for seconds, a router dials its server. */
const UPGRADE_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 100;

/** `sennit ROLE upgrade`. */
export function upgradeCommand(
  role: Role,
  defaultFile: string,
  load: (file: string) => Promise<RoleConfig>,
): Command {
  return new Command("upgrade")
    .description(
      `Let the running ${role} go on as the program and config of now, without cutting a connection`,
    )
    .option("-c, --config <file>", `the ${role}'s config file`, defaultFile)
    .option("--json", "write JSON: the new data process, and those that drain")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      // A file that the new program refuses must not take the old one down.
      const { directories } = await load(config);
      const { data } = await upgrade(new Client(socketPath(directories.run)));
      if (json) writeJson({ pid: data.pid, draining: data.draining });
      else for (const line of lines(data)) writeLine(line);
    });
}

/** Resolves with the first status of the new program that has a new data process. Throws `upgrade-slow`. */
async function upgrade(client: Client): Promise<StatusReport> {
  const before = await client.status();
  await client.upgrade();
  const end = performance.now() + UPGRADE_LIMIT_MS;
  while (performance.now() < end) {
    // Not there for a moment.
    const status = await client.status().catch(() => undefined);
    const { pid, state } = status?.data ?? {};
    if (status !== undefined && state?.name === "running" && pid !== before.data.pid) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new SennitError(
    "peer",
    "upgrade-slow",
    "no new data process has taken over yet; the old one goes on",
    {
      remedy: "see `sennit status` and the log",
    },
  );
}

function lines({ pid, draining }: StatusReport["data"]): readonly string[] {
  return [
    `data process ${pid} takes new connections`,
    ...draining.map(({ pid: old, flows, leftMs }) => {
      const atMost = leftMs === null ? "" : `, within ${formatAge(leftMs)}`;
      return `data process ${old} ends with the ${flows ?? "?"} it has${atMost}`;
    }),
  ];
}

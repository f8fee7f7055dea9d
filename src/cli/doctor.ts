import { Command } from "commander";
import { existsSync } from "node:fs";
import { Client } from "../api/client.ts";
import { socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import { messageOf } from "../base/errors.ts";
import { loadRouterConfig, type RouterConfig } from "../config/router.ts";
import { loadServerConfig, type ServerConfig } from "../config/server.ts";
import { readText } from "../config/load.ts";
import { roleOfConfig } from "../config/role.ts";
import type { Unchecked } from "../doctor/check.ts";
import type { Evidence } from "../doctor/evidence.ts";
import { examine, type Diagnosis } from "../doctor/examine.ts";
import { gather } from "../doctor/gather.ts";
import { exec } from "../linux/exec.ts";
import { createIpRoute } from "../linux/iproutetool.ts";
import { createSysctl } from "../linux/sysctl.ts";
import { EXIT } from "./exit.ts";
import { paint, writeJson, writeLine } from "./output.ts";
import { ROUTER_FILE } from "./plan.ts";

interface Options {
  readonly config: string;
  readonly json?: true;
}

/** `sennit doctor` */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "Examine this machine: what is wrong, why, and what helps. Changes nothing; the role need not run",
    )
    .option("-c, --config <file>", "the config file of the role", ROUTER_FILE)
    .option("--json", "write JSON: findings, and what could not be checked")
    .addHelpText("after", "\nThe exit code is 1 where there is a finding that is critical or a warning.")
    .action(async ({ config, json }: Options) => {
      const diagnosis = examine(await evidenceOf(config));
      if (json) writeJson(diagnosis);
      else for (const line of diagnosisLines(diagnosis)) writeLine(line);
      if (diagnosis.findings.some(({ severity }) => severity !== "info")) process.exitCode = EXIT.failure;
    });
}

type Told = Pick<Evidence, "role" | "wans" | "lan" | "reports" | "complaints">;

async function evidenceOf(file: string): Promise<Evidence> {
  const { told, stateDirectory } = await askRole(file);
  const deps = { ip: createIpRoute(exec), exec, sysctl: createSysctl(), wallClock: Date.now };
  return { ...told, ...(await gather({ ...deps, stateDirectory })) };
}

/** What config and running role say; without a config nobody knows what this machine is to be. */
async function askRole(file: string): Promise<{ told: Told; stateDirectory: string | undefined }> {
  try {
    const config = await loadEither(file);
    const role = "wans" in config ? "router" : "server";
    const status = await statusOf(config.directories.run);
    const { state } = config.directories;
    return {
      told: {
        role: { value: role },
        wans: "wans" in config ? wansOf(config, status) : { value: [] },
        lan: {
          value: {
            devices: "lan" in config ? config.lan.interfaces : [],
            addresses: "lan" in config ? (config.lan.addresses ?? []) : [],
          },
        },
        ...reportsOf(status),
      },
      stateDirectory: existsSync(state) ? state : undefined,
    };
  } catch (error) {
    const unknown = { unknown: `the config can't be read: ${messageOf(error)}` };
    return {
      told: { role: unknown, wans: unknown, lan: unknown, reports: unknown, complaints: unknown },
      stateDirectory: undefined,
    };
  }
}

/** A file with nothing in it that only one role has may be a server's all the same: nothing is required of that. */
async function loadEither(file: string): Promise<RouterConfig | ServerConfig> {
  const isServer = roleOfConfig(await readText(file)) === "server";
  const [guess, other] = isServer
    ? [loadServerConfig, loadRouterConfig]
    : [loadRouterConfig, loadServerConfig];
  try {
    return await guess(file);
  } catch (error) {
    return other(file).catch(() => {
      throw error;
    });
  }
}

type Status = StatusReport | { readonly silent: string };

async function statusOf(runDirectory: string): Promise<Status> {
  try {
    return await new Client(socketPath(runDirectory)).status();
  } catch (error) {
    return { silent: messageOf(error) };
  }
}

/** A device that is found by `match` is known to the running router alone. */
function wansOf(config: RouterConfig, status: Status): Evidence["wans"] {
  const wans = Object.entries(config.wans).filter(([, { role }]) => role !== "off");
  const devices = new Map("silent" in status ? [] : status.wans.map(({ name, device }) => [name, device]));
  const lost = wans.find(([name, wan]) => wan.interface === undefined && !devices.has(name));
  if (lost !== undefined)
    return { unknown: `WAN ${lost[0]} is found by the running router, which does not answer` };
  return {
    value: wans.map(([name, { interface: device, role }]) => ({
      name,
      role,
      device: device ?? devices.get(name) ?? "",
    })),
  };
}

function reportsOf(status: Status): Pick<Evidence, "reports" | "complaints"> {
  if ("silent" in status)
    return { reports: { unknown: status.silent }, complaints: { unknown: status.silent } };
  return {
    reports: {
      value: status.wans.map(({ name, state, reason, quota }) => ({
        name,
        state: state.name,
        reason,
        quota,
      })),
    },
    complaints: { value: status.problems },
  };
}

const COLOURS = { critical: "red", warning: "yellow", info: "cyan" } as const;

/** As people read it: causes in full, their consequences in a line, and what nobody knows. */
export function diagnosisLines({ findings, unchecked }: Diagnosis): readonly string[] {
  const causes = findings.filter(({ hiddenBy }) => hiddenBy === undefined);
  return [
    ...(causes.length === 0 ? ["nothing found"] : []),
    ...causes.flatMap(({ code, severity, wan, evidence, cause, remedy }) => [
      `${paint(COLOURS[severity], severity)} ${code}${wan === null ? "" : `, WAN ${wan}`}: ${evidence}`,
      `  ${cause}`,
      ...(remedy === null ? [] : [`  -> ${remedy}`]),
      ...findings
        .filter((one) => one.hiddenBy === code && (wan === null || one.wan === wan))
        .map((one) => paint("dim", `  hence ${one.code}: ${one.evidence}`)),
      "",
    ]),
    ...uncheckedLines(unchecked),
  ];
}

/** What fails for one reason is one line. */
function uncheckedLines(unchecked: readonly Unchecked[]): readonly string[] {
  const reasons = Map.groupBy(unchecked, ({ why }) => why);
  return [...reasons].map(
    ([why, all]) => `${paint("dim", "not checked")} ${all.map(({ code }) => code).join(", ")}: ${why}`,
  );
}

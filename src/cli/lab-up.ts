import { Command } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";
import { selfArgv } from "../control/place.ts";
import { LabClient, serveLab } from "../lab/control.ts";
import type { LabStatus } from "../lab/status.ts";
import { loadTopology } from "../lab/topology/topology.ts";
import { start } from "../linux/process.ts";
import type { Named, Printed } from "./lab-choice.ts";
import { paint, table, writeJson, writeLine } from "./output.ts";

export function upCommand(): Command {
  return new Command("up")
    .description("Build a lab and keep it up until Ctrl-C or `lab down`")
    .argument("[topology]", "built in (see `lab topologies`), or a YAML file", "cascade")
    .option("-n, --name <name>", "what to call it; the topology's name unless told")
    .option("--seed <seed>", "the same seed gives the same losses and jitter")
    .option("--profile <profile>", "what its two WANs are (see `lab profile`)")
    .option("-d, --detach", "return when it is up; it goes on in the background")
    .option("--json", "write JSON: the status of the lab, once it is up")
    .action(async (topology: string, options: UpOptions) =>
      options.detach ? upDetached(topology, options) : upHere(topology, options),
    );
}

interface UpOptions extends Named, Printed {
  readonly seed?: string;
  readonly profile?: string;
  readonly detach?: true;
}

async function upHere(topology: string, { json, ...options }: UpOptions): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  // From the start: a Ctrl-C while it is being built must not leave half of it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop());
  const served = await serveLab(topology, options);
  try {
    sayUp(await served.lab.status(), json);
    await Promise.race([served.asked, stopped, served.lab.broken]);
  } finally {
    await served.close();
  }
}

/** A machine that is busy may need some seconds to build a lab. */
const UP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

async function upDetached(topology: string, { name, json, ...options }: UpOptions): Promise<void> {
  const lab = new LabClient(name ?? (await loadTopology(topology)).name);
  const said = (["seed", "profile"] as const).flatMap((key) => {
    const value = options[key];
    return value === undefined ? [] : [`--${key}`, value];
  });
  const child = await start(selfArgv("lab", "up", topology, "--name", lab.name, ...said), {
    life: "free",
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.ref();
  const ended = child.exited.then(() => true);
  const deadline = Date.now() + UP_TIMEOUT_MS;
  while (!(await isUp(lab, child.pid))) {
    const failed = await Promise.race([ended, sleep(POLL_MS, false)]);
    if (!failed && Date.now() < deadline) continue;
    child.kill("SIGTERM");
    throw new SennitError(
      "config",
      "lab-not-up",
      errors.replace(/^sennit: /, "").trim() || "the lab does not come up",
    );
  }
  sayUp(await lab.status(), json);
  // What keeps the lab must not keep us.
  child.stderr?.destroy();
  child.unref();
}

const isUp = (lab: LabClient, pid: number): Promise<boolean> =>
  lab.status().then(
    (status) => status.pid === pid,
    () => false,
  );

function sayUp(status: LabStatus, json: true | undefined): void {
  if (json) writeJson(status);
  else for (const line of howToPlay(status)) writeLine(line);
}

function howToPlay({ name, about }: LabStatus): string[] {
  return [
    `${paint("bold", name)} is up: ${about}`,
    ...table(
      ["", ""],
      [
        ["  sennit lab status", "links, queues, drops, NAT entries, faults"],
        ["  sennit lab exec HOST -- CMD", "run a program on a host"],
        ["  sennit lab fault ...", "make it go wrong (--help: everything that can)"],
        ["  sennit lab heal", "take all faults back"],
        ["  sennit lab down", "take it down (or Ctrl-C here)"],
      ],
    ).slice(1),
  ];
}

import { Command } from "commander";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";
import { listed } from "../config/problems.ts";
import { selfArgv } from "../control/place.ts";
import { LabClient, notRunning, runningLabs, serveLab } from "../lab/control.ts";
import { FAULTS, faultNames, type FaultKind } from "../lab/faults/kinds.ts";
import type { LabStatus } from "../lab/status.ts";
import { builtInTopologies, loadTopology, topologyText } from "../lab/topology/topology.ts";
import { start } from "../linux/process.ts";
import { renderLab } from "./lab-view.ts";
import { paint, table, writeJson, writeLine } from "./output.ts";

export function labCommand(): Command {
  const lab = new Command("lab")
    .description("The internet in a box: hosts, links, NATs and everything that goes wrong with them")
    .enablePositionalOptions();
  lab.addCommand(upCommand());
  lab.addCommand(statusCommand());
  lab.addCommand(execCommand());
  lab.addCommand(faultCommand());
  lab.addCommand(healCommand());
  lab.addCommand(downCommand());
  lab.addCommand(topologiesCommand());
  lab.addCommand(showCommand());
  return lab;
}

interface Named {
  readonly name?: string;
}

interface Printed {
  readonly json?: true;
}

const named = (command: Command): Command =>
  command.option("-n, --name <name>", "which lab; needed only while several are up");

/** The lab meant. Throws `not-running`, or `lab-which` where several are up. */
async function chosen({ name }: Named): Promise<LabClient> {
  if (name !== undefined) return new LabClient(name);
  const running = await runningLabs();
  const [only] = running;
  if (only === undefined) throw notRunning("no lab is up");
  if (running.length === 1) return new LabClient(only);
  throw new SennitError("config", "lab-which", `several labs are up: ${listed(running, "and")}`, {
    remedy: "say which with --name",
  });
}

function upCommand(): Command {
  return new Command("up")
    .description("Build a lab and keep it up until Ctrl-C or `lab down`")
    .argument("[topology]", "built in (see `lab topologies`), or a YAML file", "cascade")
    .option("-n, --name <name>", "what to call it; the topology's name unless told")
    .option("--seed <seed>", "the same seed gives the same losses and jitter")
    .option("-d, --detach", "return when it is up; it goes on in the background")
    .option("--json", "write JSON: the status of the lab, once it is up")
    .action(async (topology: string, options: UpOptions) =>
      options.detach ? upDetached(topology, options) : upHere(topology, options),
    );
}

interface UpOptions extends Named, Printed {
  readonly seed?: string;
  readonly detach?: true;
}

async function upHere(topology: string, { name, seed, json }: UpOptions): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  // From the start: a Ctrl-C while it is being built must not leave half of it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop());
  const served = await serveLab(topology, { ...(name && { name }), ...(seed && { seed }) });
  try {
    sayUp(await served.lab.status(), json);
    await Promise.race([served.asked, stopped, served.lab.broken]);
  } finally {
    await served.close();
  }
}

/** A machine that is busy may need some seconds to build a lab. */
const UP_TIMEOUT_MS = 30_000;
const DOWN_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

async function upDetached(topology: string, { name, seed, json }: UpOptions): Promise<void> {
  const lab = new LabClient(name ?? (await loadTopology(topology)).name);
  const child = await start(
    selfArgv("lab", "up", topology, "--name", lab.name, ...(seed === undefined ? [] : ["--seed", seed])),
    { life: "free", stdio: ["ignore", "ignore", "pipe"] },
  );
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
        ["  sennit lab fault ...", `make it go wrong: ${faultNames.join(", ")}`],
        ["  sennit lab heal", "take all faults back"],
        ["  sennit lab down", "take it down (or Ctrl-C here)"],
      ],
    ).slice(1),
  ];
}

function statusCommand(): Command {
  return named(new Command("status"))
    .description("Show links, queues, drops, NAT entries and faults")
    .option("--json", "write JSON: the lab named, or a list of those that are up")
    .action(async (options: Named & Printed) => {
      const names = options.name === undefined ? await runningLabs() : [options.name];
      const labs = await Promise.all(names.map((name) => new LabClient(name).status()));
      if (options.json) return writeJson(options.name === undefined ? labs : labs[0]);
      if (labs.length === 0) throw notRunning("no lab is up");
      for (const [index, lab] of labs.entries()) {
        if (index > 0) writeLine();
        for (const line of renderLab(lab)) writeLine(line);
      }
    });
}

function execCommand(): Command {
  return named(new Command("exec"))
    .description("Run a program on a host, in this terminal; its exit code is ours")
    .argument("<host>")
    .argument("<command...>")
    .passThroughOptions()
    .action(async (name: string, words: string[], options: Named) => {
      // Whose options are whose is clear without it, but who writes it means well.
      const [program = "", ...args] = words[0] === "--" ? words.slice(1) : words;
      const { hosts } = await (await chosen(options)).status();
      const host = hosts.find((known) => known.name === name);
      if (host === undefined) {
        const known = listed(hosts.map(({ name }) => name));
        throw new SennitError("config", "lab-no-host", `found the host "${name}"; allowed is ${known}`);
      }
      // The terminal sends Ctrl-C to both of us; what it means is for the program to say.
      const ignore = (): void => undefined;
      process.on("SIGINT", ignore);
      const child = await start([program, ...args], { netns: host.netns, life: "tied", stdio: "inherit" });
      const { code, signal } = await child.exited;
      process.off("SIGINT", ignore);
      // As a shell would say it: 128 and the signal's number.
      process.exitCode = code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 0);
    });
}

function faultCommand(): Command {
  const rows = faultNames.map((name) => {
    const { target, value = "", optional, about }: FaultKind = FAULTS[name];
    return [`  ${name}`, TARGETS[target], optional ? `${value} (optional)` : value, about];
  });
  return named(new Command("fault"))
    .description("Make something go wrong, until `lab heal`")
    .argument("<fault>", "what goes wrong")
    .argument("<target>", "where: a link, a link's direction, a host, or an interface")
    .argument("[value]", 'how much, such as "2 %", "10 Mbit/s" or "100 ms"')
    .option("--json", "write JSON: all faults there are now")
    .addHelpText("after", () => `\n${table(["Faults:", "target", "value", ""], rows).join("\n")}`)
    .action(async (fault: string, target: string, value: string | undefined, options: Named & Printed) => {
      const lab = await chosen(options);
      await lab.fault(fault, target, value);
      if (options.json) writeJson((await lab.status()).faults);
    });
}

const TARGETS: Readonly<Record<FaultKind["target"], string>> = {
  link: "LINK",
  direction: "LINK[:up|:down]",
  forwarder: "HOST (router or NAT)",
  nat: "HOST (NAT)",
  interface: "HOST:INTERFACE",
};

function healCommand(): Command {
  return named(new Command("heal"))
    .description("Take faults back: all, those of one kind, or one")
    .argument("[fault]")
    .argument("[target]")
    .option("--json", "write JSON: the faults that were healed")
    .action(async (fault: string | undefined, target: string | undefined, options: Named & Printed) => {
      const healed = await (await chosen(options)).heal(fault, target);
      if (options.json) return writeJson(healed);
      for (const { fault, target, value } of healed)
        writeLine(`healed: ${[fault, target, value].join(" ").trim()}`);
      if (healed.length === 0) writeLine("nothing to heal");
    });
}

function downCommand(): Command {
  return named(new Command("down"))
    .description("Take a lab down; nothing of it stays")
    .action(async (options: Named) => {
      const lab = await chosen(options);
      await lab.down();
      const deadline = Date.now() + DOWN_TIMEOUT_MS;
      while ((await runningLabs()).includes(lab.name)) {
        if (Date.now() > deadline)
          throw new SennitError("kernel", "lab-not-down", `the lab ${lab.name} does not go down`);
        await sleep(POLL_MS);
      }
    });
}

function topologiesCommand(): Command {
  return new Command("topologies")
    .description("List the topologies that are built in")
    .option("--json", "write JSON")
    .action(async ({ json }: Printed) => {
      const topologies = await Promise.all(
        builtInTopologies().map(async (name) => ({ name, about: (await loadTopology(name)).about })),
      );
      if (json) return writeJson(topologies);
      const rows = topologies.map(({ name, about }) => [name, about]);
      for (const line of table(["", ""], rows).slice(1)) writeLine(line);
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("Print a topology's file: a start for one of your own")
    .argument("<topology>", "built in, or a YAML file to check")
    .option("--json", "write JSON: what the file says, with units taken off and defaults put in")
    .action(async (topology: string, { json }: Printed) => {
      const parsed = await loadTopology(topology);
      if (json) writeJson(parsed);
      else process.stdout.write(await topologyText(topology));
    });
}

import { Command } from "commander";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";
import { listed } from "../config/problems.ts";
import { LabClient, notRunning, runningLabs } from "../lab/control.ts";
import { builtInTopologies, loadTopology, topologyText } from "../lab/topology/topology.ts";
import { start } from "../linux/process.ts";
import { chosen, named, type Named, type Printed } from "./lab-choice.ts";
import { faultCommand, healCommand } from "./lab-fault.ts";
import { profileCommand } from "./lab-profile.ts";
import { upCommand } from "./lab-up.ts";
import { renderLab } from "./lab-view.ts";
import { table, writeJson, writeLine } from "./output.ts";

export function labCommand(): Command {
  const lab = new Command("lab")
    .description("The internet in a box: hosts, links, NATs and everything that goes wrong with them")
    .enablePositionalOptions();
  lab.addCommand(upCommand());
  lab.addCommand(statusCommand());
  lab.addCommand(execCommand());
  lab.addCommand(faultCommand());
  lab.addCommand(healCommand());
  lab.addCommand(profileCommand());
  lab.addCommand(downCommand());
  lab.addCommand(topologiesCommand());
  lab.addCommand(showCommand());
  return lab;
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

const DOWN_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

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

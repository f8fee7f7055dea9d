import type { Command } from "commander";
import { SennitError } from "../base/errors.ts";
import { listed } from "../config/problems.ts";
import { LabClient, notRunning, runningLabs } from "../lab/control.ts";

/** Which of the labs that are up a command means. */
export interface Named {
  readonly name?: string;
}

export interface Printed {
  readonly json?: true;
}

export const named = (command: Command): Command =>
  command.option("-n, --name <name>", "which lab; needed only while several are up");

/** The lab meant. Throws `not-running`, or `lab-which` where several are up. */
export async function chosen({ name }: Named): Promise<LabClient> {
  if (name !== undefined) return new LabClient(name);
  const running = await runningLabs();
  const [only] = running;
  if (only === undefined) throw notRunning("no lab is up");
  if (running.length === 1) return new LabClient(only);
  throw new SennitError("config", "lab-which", `several labs are up: ${listed(running, "and")}`, {
    remedy: "say which with --name",
  });
}

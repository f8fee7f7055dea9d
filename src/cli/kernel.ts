import { Command } from "commander";
import { type Capability, probeKernel } from "../linux/probe.ts";
import { paint, table, writeJson, writeLine } from "./output.ts";

const COLOURS = { yes: "green", no: "red", unknown: "yellow" } as const;

export function kernelCommand(): Command {
  return new Command("kernel")
    .description("Try what this kernel can do for Sennit, without changing anything")
    .option("--json", "write JSON: a list of capabilities")
    .action(async ({ json }: { readonly json?: true }) => {
      const capabilities = await probeKernel();
      if (json) writeJson(capabilities);
      else for (const line of renderCapabilities(capabilities)) writeLine(line);
    });
}

/** A line per capability, and a last one that counts. */
export function renderCapabilities(capabilities: readonly Capability[]): string[] {
  const rows = capabilities.map(({ id, state, purpose, evidence }) => [
    id,
    paint(COLOURS[state], state),
    purpose,
    paint("dim", evidence.replaceAll(/\s+/g, " ")),
  ]);
  const count = (state: Capability["state"]): number =>
    capabilities.filter((capability) => capability.state === state).length;
  return [
    ...table(["capability", "", "for", "evidence"], rows),
    "",
    `${count("yes")} yes, ${count("no")} no, ${count("unknown")} unknown`,
  ];
}

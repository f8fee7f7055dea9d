import { Command } from "commander";
import { resolve } from "node:path";
import { FAULTS, faultNames, isFaultName, type FaultKind } from "../lab/faults/kinds.ts";
import { chosen, named, type Named, type Printed } from "./lab-choice.ts";
import { table, writeJson, writeLine } from "./output.ts";

export function faultCommand(): Command {
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
      await lab.fault(fault, target, value === undefined ? undefined : fromHere(fault, value));
      if (options.json) writeJson((await lab.status()).faults);
    });
}

/** The lab may have been started elsewhere: a file is meant as it is seen from here. */
function fromHere(fault: string, value: string): string {
  return isFaultName(fault) && (FAULTS[fault] as FaultKind).value === "a file" ? resolve(value) : value;
}

const TARGETS: Readonly<Record<FaultKind["target"], string>> = {
  link: "LINK",
  direction: "LINK[:up|:down]",
  forwarder: "HOST (router or NAT)",
  nat: "HOST (NAT)",
  interface: "HOST:INTERFACE",
};

export function healCommand(): Command {
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

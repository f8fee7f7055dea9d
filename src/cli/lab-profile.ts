import { Command } from "commander";
import { PROFILES } from "../lab/profiles.ts";
import type { LinkChange } from "../lab/topology/linkschema.ts";
import { chosen, named, type Named, type Printed } from "./lab-choice.ts";
import { table, writeJson, writeLine } from "./output.ts";

/** What takes a profile back. */
const NONE = "none";

export function profileCommand(): Command {
  return named(new Command("profile"))
    .description("Make the two WANs of a lab a pair of paths, or list the pairs there are")
    .argument("[profile]", `which; ${NONE} for what the topology says`)
    .option("--json", "write JSON: all profiles, or the one that the lab has now")
    .action(async (profile: string | undefined, options: Named & Printed) => {
      if (profile === undefined) return list(options);
      const lab = await chosen(options);
      await lab.profile(profile === NONE ? undefined : profile);
      if (options.json) writeJson((await lab.status()).profile);
    });
}

function list({ json }: Printed): void {
  if (json) return writeJson(PROFILES);
  const rows = Object.entries(PROFILES).map(([name, [a, b]]) => [name, pathText(a), pathText(b)]);
  for (const line of table(["profile", "path A", "path B"], rows)) writeLine(line);
}

function pathText({ rate, delay, jitter, loss }: LinkChange): string {
  const varies = jitter === "0 ms" ? "" : ` ± ${jitter}`;
  return `${rate} ${delay}${varies}${loss === "0 %" ? "" : ` ${loss}`}`;
}

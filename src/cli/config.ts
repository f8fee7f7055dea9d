import { Argument, Command, Option } from "commander";
import { SennitError } from "../base/errors.ts";
import type { Role } from "../config/fields.ts";
import { readText } from "../config/load.ts";
import { editorSchema, roleOfConfig } from "../config/role.ts";
import { parseRouterConfig } from "../config/router.ts";
import { parseServerConfig } from "../config/server.ts";
import { addVersionCommands } from "./config-versions.ts";
import { EXIT } from "./exit.ts";
import { writeJson, writeLine } from "./output.ts";

interface CheckOptions {
  readonly config: string;
  readonly role?: Role;
  readonly json?: true;
}

export function configCommand(): Command {
  const config = new Command("config").description("Check config files, and go back to earlier ones");
  config
    .command("check")
    .description("Tell everything that is wrong with a config file")
    .requiredOption("-c, --config <file>", "the file to check")
    .addOption(
      new Option("--role <role>", "what the file is for; told by its keys unless said").choices([
        "router",
        "server",
      ]),
    )
    .option("--json", "write JSON")
    .action(check);
  config
    .command("schema")
    .description("Print the JSON Schema of a role's config file, for editors")
    .addArgument(new Argument("<role>", "whose file").choices(["router", "server"]))
    .action((role: Role) => writeJson(editorSchema(role)));
  addVersionCommands(config);
  return config;
}

async function check(options: CheckOptions): Promise<void> {
  const text = await readText(options.config);
  const role = options.role ?? roleOfConfig(text);
  try {
    if (role === "router") parseRouterConfig(text, options.config);
    else parseServerConfig(text, options.config);
  } catch (error) {
    if (!options.json || !(error instanceof SennitError) || error.code !== "config-invalid") throw error;
    writeJson({ valid: false, role, problems: error.detail["problems"] });
    process.exitCode = EXIT.usage;
    return;
  }
  if (options.json) writeJson({ valid: true, role, problems: [] });
  else writeLine(`${options.config}: a valid ${role} config`);
}

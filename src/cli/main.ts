import { Command, CommanderError } from "commander";
import { explain } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { EXIT, EXIT_CODES, exitCodeOf } from "./exit.ts";

/** A command whose code is read only when it is asked for, so that `sennit --help` is instant. */
interface Entry {
  readonly name: string;
  /** The line in `sennit --help`. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly Entry[] = [
  {
    name: "demo",
    summary: "two WANs bonded and one cut, in the lab",
    load: async () => (await import("./demo.ts")).demoCommand(),
  },
  {
    name: "router",
    summary: "the end with several WANs: join a server, run",
    load: async () => (await import("./router.ts")).routerCommand(),
  },
  {
    name: "server",
    summary: "the end on the internet: invite routers, run",
    load: async () => (await import("./server.ts")).serverCommand(),
  },
  {
    name: "status",
    summary: "show what the router or server is doing",
    load: async () => (await import("./status.ts")).statusCommand(),
  },
  {
    name: "doctor",
    summary: "examine this machine: what is wrong, why, and what helps",
    load: async () => (await import("./doctor.ts")).doctorCommand(),
  },
  {
    name: "leases",
    summary: "show the addresses given to the WANs and to the LAN",
    load: async () => (await import("./leases.ts")).leasesCommand(),
  },
  {
    name: "history",
    summary: "show how the WANs fared: rates, round trip, loss",
    load: async () => (await import("./history.ts")).historyCommand(),
  },
  {
    name: "events",
    summary: "show what happened on the router",
    load: async () => (await import("./events.ts")).eventsCommand(),
  },
  {
    name: "config",
    summary: "check config files, and go back to earlier ones",
    load: async () => (await import("./config.ts")).configCommand(),
  },
  {
    name: "plan",
    summary: "show what the router's config would change in the kernel",
    load: async () => (await import("./plan.ts")).planCommand(),
  },
  {
    name: "apply",
    summary: "have the running router take its edited config in",
    load: async () => (await import("./apply.ts")).applyCommand(),
  },
  {
    name: "confirm",
    summary: "keep what was applied with --confirm",
    load: async () => (await import("./apply.ts")).confirmCommand(),
  },
  {
    name: "kernel",
    summary: "try what this kernel can do for Sennit",
    load: async () => (await import("./kernel.ts")).kernelCommand(),
  },
  {
    name: "lab",
    summary: "play with the internet in a box",
    load: async () => (await import("./lab.ts")).labCommand(),
  },
];

/** The program with the command that `args` name loaded in full, all others as their line in the help. */
export async function program(args: readonly string[]): Promise<Command> {
  const sennit = new Command("sennit")
    .description("Several internet connections joined into one, faster and unbreakable")
    .version(VERSION)
    .addHelpText("after", `\n${EXIT_CODES}`);
  const asked = args[0] === "help" ? args[1] : args[0];
  for (const { name, summary, load } of COMMANDS) {
    const command = name === asked ? await load() : new Command(name).description(summary);
    sennit.addCommand(command.summary(summary));
  }
  // Only control asks for it.
  if (asked === "data") sennit.addCommand((await import("./data.ts")).dataCommand(), { hidden: true });
  throwInsteadOfExit(sennit);
  return sennit;
}

/** Commander copies this setting only to commands it makes itself. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}

/** Runs one command line; resolves to the exit code and never rejects. What went wrong is told on standard error. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await (await program(args)).parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    // Commander has told the user already.
    if (!(error instanceof CommanderError)) process.stderr.write(`sennit: ${explain(error)}\n`);
    return exitCodeOf(error);
  }
}

/** A reader that went away (`sennit status | head -1`) is no error; writing on into nothing is harmless. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

if (import.meta.main) {
  process.stdout.on("error", ignoreClosedPipe);
  process.stderr.on("error", ignoreClosedPipe);
  // Not process.exit(): what is still being written to a pipe would be lost.
  process.exitCode = await main(process.argv.slice(2));
}

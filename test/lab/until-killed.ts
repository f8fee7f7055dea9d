import { Lab } from "../../src/lab/lab.ts";

/**
 * A program that builds a lab, starts in it what does not want to end, says what its namespaces' names begin with, and
 * waits to be killed.
 */
const lab = await Lab.up("dual");
await lab.start("user", ["sleep", "1000"]);
// One that leaves our process tree and our terminal.
const fork = ["setsid", "--fork", "nohup", "sleep", "1000"] as const;
await (
  await lab.start("web", [...fork], { stdio: "ignore" })
).exited;
process.stdout.write(lab.netns("user").replace(/^.*\/(.*)user$/, "$1"));
setInterval(() => undefined, 60_000);

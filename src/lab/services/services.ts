import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SennitError } from "../../base/errors.ts";
import { start, type Child } from "../../linux/process.ts";
import type { LabHost } from "../net/host.ts";

/** Each says something on standard output once it answers. */
const PROGRAMS = {
  web: [process.execPath, fileURLToPath(new URL("./web-main.ts", import.meta.url))],
  iperf3: ["iperf3", "--server", "--forceflush"],
} as const satisfies Record<string, readonly [string, ...string[]]>;

/** A busy machine may take a second or two to start a program. */
const READY_TIMEOUT_MS = 10_000;

/** Starts what the topology asks for on this host; settles when all of it answers. Throws `lab-service`. */
export async function startServices(host: LabHost): Promise<readonly Child[]> {
  return Promise.all(host.spec.services.map((name) => startService(host, name)));
}

async function startService(host: LabHost, name: keyof typeof PROGRAMS): Promise<Child> {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  // In a session of its own: Ctrl-C in our terminal is for us, who end it in good order.
  const argv = ["setsid", ...PROGRAMS[name]] as const;
  const child = await start([...argv], { netns: host.netns, life: "tied", stdio: [...stdio] });
  const { stdout } = child;
  const late = new AbortController();
  const ready = await Promise.race([
    stdout === null ? false : once(stdout, "data", { signal: late.signal }).then(() => true),
    child.exited.then(() => false),
    sleep(READY_TIMEOUT_MS, false, { signal: late.signal, ref: false }),
  ]).finally(() => late.abort());
  // Nobody reads on; a full pipe would stop the program.
  stdout?.resume();
  if (ready) return child;
  child.kill("SIGKILL");
  throw new SennitError("kernel", "lab-service", `${name} on ${host.name} does not start`);
}

import { SennitError, messageOf } from "../base/errors.ts";
import { exec, inNamespace } from "./exec.ts";
import { type Capability, type Probe, type Space, unknown } from "./probecapability.ts";
import { CONNECTION_PROBES } from "./probeconnection.ts";
import { HERE_PROBES } from "./probehere.ts";
import { NETFILTER_PROBES } from "./probenetfilter.ts";
import { SPACE_PROBES } from "./probespace.ts";
import { start } from "./process.ts";

export type { Capability } from "./probecapability.ts";

/**
 * Tries what this kernel can, for real. What changes settings is tried in a network namespace without a name that
 * vanishes with us, however we end; the kernel may load modules for it, as it would for Sennit itself. Takes about a
 * second. Without the right to make a namespace, what needs one is unknown.
 */
export async function probeKernel(): Promise<readonly Capability[]> {
  const capabilities: Capability[] = [];
  for (const probe of HERE_PROBES) capabilities.push(await attempt(probe));
  const inside = [...CONNECTION_PROBES, ...SPACE_PROBES, ...NETFILTER_PROBES];
  try {
    await withSpace(async (space) => {
      for (const probe of inside) capabilities.push(await attempt(probe, space));
    });
  } catch (error) {
    if (!(error instanceof SennitError)) throw error;
    for (const { id, purpose } of inside) capabilities.push({ id, purpose, ...unknown(messageOf(error)) });
  }
  return capabilities;
}

async function attempt<W extends readonly unknown[]>(
  { id, purpose, run }: Probe<W>,
  ...where: W
): Promise<Capability> {
  try {
    return { id, purpose, ...(await run(...where)) };
  } catch (error) {
    if (!(error instanceof SennitError)) throw error;
    return { id, purpose, ...unknown(error.message) };
  }
}

/** Keeps a namespace alive through a process that waits for us to end its input. */
async function withSpace(fn: (space: Space) => Promise<void>): Promise<void> {
  const keeper = await start(["unshare", "--net", "--", "cat"], {
    life: "tied",
    stdio: ["pipe", "pipe", "pipe"],
  });
  try {
    // `cat` answers only once `unshare` has made the namespace and become it.
    keeper.stdin?.on("error", () => undefined).write("ready\n");
    const ready = new Promise<boolean>((resolve) => keeper.stdout?.once("data", () => resolve(true)));
    const words: Buffer[] = [];
    keeper.stderr?.on("data", (chunk: Buffer) => words.push(chunk));
    if ((await Promise.race([ready, keeper.exited])) !== true) {
      const why = Buffer.concat(words).toString().trim();
      throw new SennitError("kernel", "no-namespace", `no namespace to try it in: ${why}`);
    }
    const netns = `/proc/${keeper.pid}/ns/net`;
    const inside = inNamespace(exec, netns);
    await inside(["ip", "link", "set", "lo", "up"]);
    await fn({ netns, exec: inside });
  } finally {
    keeper.kill("SIGKILL");
    await keeper.exited;
  }
}

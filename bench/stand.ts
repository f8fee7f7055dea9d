import { messageOf } from "../src/base/errors.ts";
import { Lab } from "../src/lab/lab.ts";
import { cpuSeconds, processesIn, rssBytes } from "../src/linux/usage.ts";
import type { Topology } from "../src/lab/topology/topology.ts";
import type { Context } from "./bench.ts";
import type { Contestant, Running, Way } from "./contestant.ts";

/** One contestant in a lab of its own: all have the same, and none has anything of another's in it. */
export class Stand {
  readonly name: string;
  readonly lab: Lab;
  readonly #running: Running;

  private constructor(name: string, lab: Lab, running: Running) {
    this.name = name;
    this.lab = lab;
    this.#running = running;
  }

  static async open(
    contestant: Contestant,
    topology: string | Topology,
    { closer }: Pick<Context, "closer">,
    name = contestant.name,
  ): Promise<Stand> {
    const lab = await Lab.up(topology);
    closer.add("lab", () => lab.down());
    const running = await contestant.start(lab);
    closer.add(contestant.name, () => running.stop());
    return new Stand(name, lab, running);
  }

  get way(): Way {
    return this.#running.way;
  }

  get log(): string {
    return this.#running.log();
  }

  /** CPU time that all of a role's processes have used so far (s). */
  cpuSeconds(role: "router" | "server"): number {
    return cpuSeconds(processesIn(this.lab.netns(role)));
  }

  /** Memory that all of a role's processes have now (bytes). */
  rssBytes(role: "router" | "server"): number {
    return rssBytes(processesIn(this.lab.netns(role)));
  }
}

/** Those of the contestants that came up, and why the others did not. */
export interface Stands {
  readonly stands: readonly Stand[];
  readonly failures: readonly string[];
}

/** Opens a stand for each contestant, and tells their versions. */
export async function openStands(
  contestants: readonly Contestant[],
  topology: string | Topology,
  context: Context,
): Promise<Stands> {
  const stands: Stand[] = [];
  const failures: string[] = [];
  for (const contestant of contestants) {
    try {
      context.say(await contestant.version());
      stands.push(await Stand.open(contestant, topology, context));
    } catch (error) {
      failures.push(`${contestant.name} could not run: ${messageOf(error)}`);
    }
  }
  return { stands, failures };
}

import { Closer } from "../src/base/closer.ts";
import type { StatusReport } from "../src/api/status.ts";
import { messageOf, SennitError } from "../src/base/errors.ts";
import { Lab } from "../src/lab/lab.ts";
import { cpuSeconds, processesIn, rssBytes } from "../src/linux/usage.ts";
import type { Context } from "./bench.ts";
import type { Contestant, Running, Way } from "./contestant.ts";
import type { Site } from "./sites.ts";

/** One contestant in a lab of its own: all have the same, and none has anything of another's in it. */
export class Stand {
  readonly name: string;
  readonly lab: Lab;
  readonly #running: Running;
  readonly #closer: Closer;

  private constructor(name: string, lab: Lab, running: Running, closer: Closer) {
    this.name = name;
    this.lab = lab;
    this.#running = running;
    this.#closer = closer;
  }

  /** Builds the lab and starts the contestant in it; `closer` takes both away, if `close` has not before. */
  static async open(
    contestant: Contestant,
    site: Site,
    { closer }: Pick<Context, "closer">,
    name = contestant.name,
  ): Promise<Stand> {
    const own = new Closer();
    closer.add(name, () => own.close());
    return own.unwindOnFailure(async () => {
      const lab = await Lab.up(site.topology);
      own.add("lab", () => lab.down());
      const running = await contestant.start(lab, site, own);
      return new Stand(name, lab, running, own);
    });
  }

  get way(): Way {
    return this.#running.way;
  }

  /** The last of what it said. */
  log(): Promise<string> {
    return this.#running.log();
  }

  /** Waits until the contestant uses all WANs again. */
  async settled(): Promise<void> {
    await this.#running.settled?.();
  }

  /** What the router says of itself. Throws `bench-load` where it says nothing. */
  status(): Promise<StatusReport> {
    if (this.#running.status === undefined)
      throw new SennitError("bug", "bench-load", `${this.name} has no status`);
    return this.#running.status();
  }

  /** Takes it all away. */
  close(): Promise<void> {
    return this.#closer.close();
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
  site: Site,
  context: Context,
): Promise<Stands> {
  const stands: Stand[] = [];
  const failures: string[] = [];
  for (const contestant of contestants) {
    try {
      context.uses(await contestant.version());
      stands.push(await Stand.open(contestant, site, context));
    } catch (error) {
      failures.push(`${contestant.name} could not run: ${messageOf(error)}`);
    }
  }
  return { stands, failures };
}

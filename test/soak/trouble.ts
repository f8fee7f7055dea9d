import { setTimeout as sleep } from "node:timers/promises";
import type { FaultName } from "../../src/lab/faults/kinds.ts";
import type { Random } from "../../src/lab/link/random.ts";
import type { Role } from "../../src/lab/pair.ts";
import type { Child } from "../../src/linux/process.ts";
import type { Site } from "../e2e/site.ts";

/** Something that goes wrong for a while: faults of the lab, or the death of a control process. */
type Trouble =
  | { readonly faults: readonly (readonly [FaultName, string, string?])[] }
  | { readonly kill: Role };

const LINKS = ["fibre", "lte"] as const;
const WAYS = ["", ":up", ":down"] as const;
const NATS = ["cpe-fibre", "cpe-lte", "cgnat"] as const;

/** What can go wrong, one as likely as the other. All of it a session is to survive. */
const TROUBLES: readonly ((random: Random) => Trouble)[] = [
  (random) => ({ faults: [["down", pick(random, LINKS)]] }),
  (random) => ({ faults: [["blackhole", pick(random, LINKS) + pick(random, WAYS)]] }),
  (random) => ({ faults: [["loss", pick(random, LINKS), `${1 + Math.floor(random() * 15)} %`]] }),
  (random) => ({ faults: [["rate", pick(random, LINKS), `${1 + Math.floor(random() * 10)} Mbit/s`]] }),
  (random) => ({ faults: [["mtu-blackhole", pick(random, LINKS), "1300"]] }),
  (random) => ({ faults: [["block-mp-join", pick(random, LINKS)]] }),
  (random) => ({ faults: [["nat-reboot", pick(random, NATS)]] }),
  (random) => ({ faults: [["public-address", pick(random, ["cpe-fibre", "cgnat"])]] }),
  (random) => ({ faults: [["wan-address", `router:${pick(random, LINKS)}`]] }),
  () => ({ faults: NATS.map((nat) => ["nat-reboot", nat] as const) }),
  () => ({ faults: LINKS.map((link) => ["blackhole", link] as const) }),
  () => ({ faults: LINKS.map((link) => ["down", link] as const) }),
  (random) => ({ kill: pick(random, ["router", "server"]) }),
];

/** How long one lasts, and the pause after it (ms): from less than the kernel notices to more than a user endures. */
const LASTS_MS = [300, 6000] as const;
const PAUSE_MS = [200, 4000] as const;

/** Makes things go wrong, one after the other, until told to stop; then all is well again. */
export class Troublemaker {
  readonly #site: Site;
  readonly #random: Random;
  readonly #controls: Map<Role, Child>;
  readonly #say: (what: string) => void;
  /** How often something went wrong so far. */
  count = 0;

  /** `controls`: the control processes that run, which it may replace. */
  constructor(site: Site, random: Random, controls: Map<Role, Child>, say: (what: string) => void) {
    this.#site = site;
    this.#random = random;
    this.#controls = controls;
    this.#say = say;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const trouble = pick(this.#random, TROUBLES)(this.#random);
      const lastsMs = between(this.#random, LASTS_MS);
      this.count++;
      if ("kill" in trouble) await this.#kill(trouble.kill);
      else await this.#fault(trouble.faults, lastsMs, signal);
      await pause(between(this.#random, PAUSE_MS), signal);
    }
    await this.#site.lab.heal();
  }

  async #fault(
    faults: readonly (readonly [FaultName, string, string?])[],
    lastsMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.#say(`${faults.map((fault) => fault.join(" ")).join(", ")} for ${Math.round(lastsMs)} ms`);
    for (const fault of faults) await this.#site.lab.fault(...fault);
    await pause(lastsMs, signal);
    await this.#site.lab.heal();
  }

  async #kill(role: Role): Promise<void> {
    this.#say(`kill -9 of the ${role}'s control process`);
    const child = this.#controls.get(role);
    child?.kill("SIGKILL");
    await child?.exited;
    this.#controls.set(role, await this.#site.pair.start(role));
    await this.#site.pair.until(role, () => true);
  }
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

const between = (random: Random, [from, to]: readonly [number, number]): number =>
  from + random() * (to - from);

/** Time that nothing is waited for in: the length of a fault. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal, ref: true }).catch(() => undefined);

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Conntrack } from "../linux/conntrack.ts";
import { isOut } from "../wan/supervisor.ts";
import type { WanChange } from "./wansupervisor.ts";

export interface MasqueradedDeps {
  readonly conntrack: Pick<Conntrack, "deleteMasqueraded">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A WAN that is down by what was not heard may be heard again (ms): a flow that began there waits so long before it is cut
 * off. TCP has sent its bytes again twice by then.
 */
const HOLD_MS = 2000;

/** Has the kernel forget what goes out directly by a WAN that is out, so that this may go by another. */
export class Masqueraded {
  readonly #deps: MasqueradedDeps;
  /** By WAN. */
  readonly #held = new Map<string, () => void>();

  constructor(deps: MasqueradedDeps) {
    this.#deps = deps;
  }

  /** Takes in that a WAN's state is another. What the kernel or the config says holds at once. */
  look({ wan, addresses, now: { name } }: WanChange): void {
    this.#release(wan);
    if (name !== "down") {
      if (isOut(name) || name === "over-quota" || name === "off") void this.#forget(addresses);
      return;
    }
    this.#held.set(
      wan,
      this.#deps.clock.after(HOLD_MS, () => {
        this.#held.delete(wan);
        void this.#forget(addresses);
      }),
    );
  }

  stop(): void {
    for (const wan of this.#held.keys()) this.#release(wan);
  }

  #release(wan: string): void {
    this.#held.get(wan)?.();
    this.#held.delete(wan);
  }

  async #forget(addresses: readonly string[]): Promise<void> {
    const { conntrack, log } = this.#deps;
    for (const address of addresses) {
      try {
        const entries = await conntrack.deleteMasqueraded(address);
        if (entries > 0) log.info({ address, entries }, "forgot what was masqueraded over a dead WAN");
      } catch (error) {
        log.warn({ address, why: messageOf(error) }, "cannot forget what was masqueraded");
      }
    }
  }
}

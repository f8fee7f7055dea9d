import type { StatusReport } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { DataReport } from "../control/messages.ts";
import type { Reconciler } from "../control/reconciler.ts";
import type { Endpoint } from "../linux/iproute.ts";
import type { WanPath } from "../netplan/paths.ts";
import { fellBack, RepairSchedule, type Unused } from "../wan/repair.ts";
import { wanOfAddress } from "./wans.ts";

export interface BondingDeps {
  readonly reconciler: Pick<Reconciler, "renewEndpoint">;
  readonly clock: Clock;
  readonly log: Log;
}

type Problems = StatusReport["problems"];
type Problem = Problems[number];

/** So many repairs without success point to something that no repair from here reaches. */
const MANY_REPAIRS = 3;

/** Sees to it that all carriers use all WANs, and tells where they do not. */
export class Bonding {
  readonly #deps: BondingDeps;
  readonly #schedule = new RepairSchedule();
  #problems: Problems = [];

  constructor(deps: BondingDeps) {
    this.#deps = deps;
  }

  /** As of the last look. */
  get problems(): Problems {
    return this.#problems;
  }

  /**
   * Looks at a report of the data process; undefined when that is gone. To be called with every report, at most a few
   * times a second. `endpoints` are those that the kernel should have.
   */
  look(report: DataReport | undefined, paths: readonly WanPath[], endpoints: readonly Endpoint[]): void {
    const carriers = (report?.sessions ?? []).flatMap((session) => session.carriers);
    const addresses = endpoints.map(({ address }) => address);
    const wanOf = (address: string): string => wanOfAddress(paths, address) ?? address;
    const { unused, repair } = this.#schedule.decide(this.#deps.clock.now(), addresses, carriers);
    const stripped = carriers
      .filter((carrier) => fellBack(carrier) && !carrier.draining)
      .flatMap(({ subflows }) => subflows.map(({ localAddress }) => wanOf(localAddress)));
    this.#problems = [
      ...[...new Set(stripped)].map((wan) =>
        mptcpStripped(wan, stripped.filter((name) => name === wan).length),
      ),
      ...unused.map((one) => wanUnused(wanOf(one.address), one)),
    ];
    for (const one of unused) if (one.address === repair) void this.#repair(wanOf(repair), one);
  }

  async #repair(wan: string, { address, lacking, carriers, repairs }: Unused): Promise<void> {
    const { reconciler, log } = this.#deps;
    log.warn({ wan, address, lacking, carriers, repairs }, "WAN unused: connecting anew over it");
    for (const error of await reconciler.renewEndpoint(address))
      log.error({ wan, code: error.code, why: error.message }, "WAN not repaired");
  }
}

function wanUnused(wan: string, { lacking, carriers, repairs, busy }: Unused): Problem {
  const doing = busy
    ? "others use it, so it is connected anew as soon as it is quiet"
    : `it is being connected anew (attempt ${repairs})`;
  return {
    code: "wan-unused",
    message: `WAN ${wan} carries nothing for ${lacking} of ${carriers} carriers: ${doing}`,
    remedy:
      repairs < MANY_REPAIRS
        ? null
        : `restart the modem of ${wan}; if that does not help, something behind it lets no new connection to the server through`,
  };
}

function mptcpStripped(wan: string, carriers: number): Problem {
  return {
    code: "mptcp-stripped",
    message: `something on the way through WAN ${wan} takes Multipath TCP out of connections: ${carriers} of the carriers use this WAN alone`,
    remedy: `look for a box that rewrites TCP on the way of ${wan} (a firewall, a "TCP optimiser", the modem's NAT, a container's network); where every WAN is named, look at the server's side`,
  };
}

import type { StatusReport } from "../api/status.ts";
import type { CarrierReport, DataReport, UnusedWay } from "../control/messages.ts";

type Problem = StatusReport["problems"][number];

/** So many repairs without success point to something that no repair from here reaches. */
const MANY_REPAIRS = 3;

/** Where the carriers do not use all WANs, as the data process tells it. */
export function bondingProblems(report: DataReport | undefined): readonly Problem[] {
  const carriers = (report?.sessions ?? []).flatMap((session) => session.carriers);
  const stripped = carriers
    .filter((carrier) => fellBack(carrier) && !carrier.draining)
    .flatMap(({ way }) => way ?? []);
  return [
    ...[...new Set(stripped)].map((wan) =>
      mptcpStripped(wan, stripped.filter((name) => name === wan).length),
    ),
    ...(report?.unused ?? []).map(wanUnused),
  ];
}

/** MPTCP was asked for, and somebody on the way (or the other end) did not want it. */
const fellBack = ({ transport, mptcp }: CarrierReport): boolean => transport === "mptcp" && !mptcp;

function wanUnused({ way, lacking, carriers, repairs }: UnusedWay): Problem {
  return {
    code: "wan-unused",
    message: `WAN ${way} carries nothing for ${lacking} of ${carriers} carriers: it is being connected anew (attempt ${repairs})`,
    remedy:
      repairs < MANY_REPAIRS
        ? null
        : `restart the modem of ${way}; if that does not help, something behind it lets no new connection to the server through`,
  };
}

function mptcpStripped(wan: string, carriers: number): Problem {
  return {
    code: "mptcp-stripped",
    message: `something on the way through WAN ${wan} takes Multipath TCP out of connections: ${carriers} of the carriers use this WAN alone`,
    remedy: `look for a box that rewrites TCP on the way of ${wan} (a firewall, a "TCP optimiser", the modem's NAT, a container's network); where every WAN is named, look at the server's side`,
  };
}

import { SennitError } from "../base/errors.ts";
import { listed } from "../config/problems.ts";
import type { Sysctl } from "../linux/sysctl.ts";
import type { MptcpSettings } from "../netplan/model.ts";

/** Where the kernel lists what may be chosen. Before 6.11 there is no list of schedulers: then the kernel itself refuses. */
const CHOICES = [
  {
    key: "scheduler",
    setting: "net/mptcp/scheduler",
    list: "net/mptcp/available_schedulers",
    since: "Linux 6.6",
  },
  {
    key: "congestionControl",
    setting: "net/ipv4/tcp_congestion_control",
    list: "net/ipv4/tcp_available_congestion_control",
    since: "Linux 2.6.13",
  },
] as const;

/** Throws `mptcp-not-here` where the config names what this kernel or network namespace does not have. */
export function refuseUnknownMptcp(settings: MptcpSettings, sysctl: Pick<Sysctl, "get">): void {
  for (const { key, setting, list, since } of CHOICES) {
    const wanted = settings[key];
    if (wanted === undefined) continue;
    if (sysctl.get(setting) === undefined)
      throw notHere(`mptcp.${key} can't be chosen here: it needs ${since}`, `leave mptcp.${key} out`);
    const offered = sysctl.get(list)?.split(/\s+/).filter(Boolean);
    if (offered === undefined || offered.includes(wanted)) continue;
    throw notHere(
      `mptcp.${key}: this kernel has no "${wanted}"`,
      `choose ${listed(offered)}, or load the kernel module that brings it`,
    );
  }
}

const notHere = (message: string, remedy: string): SennitError =>
  new SennitError("config", "mptcp-not-here", message, { remedy });

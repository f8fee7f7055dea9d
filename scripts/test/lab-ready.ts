import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

interface Need {
  /** What is said when it is not there. */
  readonly missing: string;
  readonly there: () => boolean;
}

/** What the lab cannot do without, in the order in which it makes sense to name it. */
const NEEDS: readonly Need[] = [
  { missing: "not root", there: () => process.geteuid?.() === 0 },
  { missing: "no right to make network namespaces", there: () => works("unshare", "--net", "true") },
  { missing: "this kernel has no TUN/TAP", there: () => existsSync("/dev/net/tun") },
  { missing: "this kernel has no Multipath TCP", there: () => existsSync("/proc/sys/net/mptcp/enabled") },
  {
    missing: "this kernel has no nftables",
    there: () => works("unshare", "--net", "nft", "list", "ruleset"),
  },
];

/** Why lab tests cannot run here, or undefined where they can. */
export function missingForLab(): string | undefined {
  return NEEDS.find(({ there }) => !there())?.missing;
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}

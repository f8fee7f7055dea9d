import type { Closer } from "../../src/base/closer.ts";
import { exec, inNamespace, type Exec } from "../../src/linux/exec.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { namespaces, veth } from "./namespaces.ts";

/** A network namespace whose kernel state a test sets, looks at and compares. */
export interface KernelState {
  readonly netns: string;
  readonly path: string;
  /** Runs a command inside. */
  readonly exec: Exec;
  /** Runs `ip` with these words inside. */
  ip(words: string): Promise<unknown>;
  /** A device with these addresses. Its cable's other end is "DEVICE-peer": when that is down, the carrier is gone. */
  device(name: string, ...addresses: string[]): Promise<void>;
  /** Everything that the promise "as before, byte for byte" is about, in the words of the tools. */
  snapshot(): Promise<string>;
}

export async function kernelState(closer: Closer, name: string): Promise<KernelState> {
  const [netns = ""] = await namespaces(closer, name);
  // IN6_ADDR_GEN_MODE_NONE: no link-local addresses, whose routes would appear by themselves a second later.
  createSysctl(netnsPath(netns)).set("net/ipv6/conf/default/addr_gen_mode", "1");
  return kernelStateOf(netns);
}

export function kernelStateOf(netns: string): KernelState {
  const inside = inNamespace(exec, netnsPath(netns));
  return {
    netns,
    path: netnsPath(netns),
    exec: inside,
    ip: (words) => inside(["ip", ...words.split(" ")]),
    device: (device, ...addresses) =>
      veth({ netns, device, addresses }, { netns, device: `${device}-peer`, addresses: [] }),
    async snapshot() {
      const texts = LISTINGS.map(async (argv) => {
        // grep ends with 2 for files that only the kernel may read.
        const { stdout } = await inside(argv, { allow: argv[0] === "grep" ? [0, 2] : [0] });
        return `## ${argv.join(" ")}\n${stdout}`;
      });
      return (await Promise.all(texts)).join("\n");
    },
  };
}

const LISTINGS: readonly [string, ...string[]][] = [
  ["nft", "list", "ruleset"],
  ["ip", "rule"],
  ["ip", "-6", "rule"],
  ["ip", "-4", "route", "show", "table", "all"],
  ["ip", "-6", "route", "show", "table", "all"],
  ["ip", "mptcp", "endpoint"],
  ["ip", "mptcp", "limits"],
  // All settings of the namespace. The pattern leaves out what is no setting: secrets, and a count that moves.
  ["grep", "-rs", "--exclude=*secret*", "--exclude=nf_conntrack_count", "", "/proc/sys/net"],
];

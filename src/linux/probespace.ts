import { SennitError } from "../base/errors.ts";
import { inNetns } from "./netns.ts";
import { no, type Probe, type Space, unknown, type Verdict, yes } from "./probecapability.ts";
import { openTunTap } from "./tuntap.ts";

/** What kernels after 6.18 accept, and those before. */
const SUBFLOW_LIMITS = [64, 8] as const;

/** What is tried with devices and settings of a namespace of its own. */
export const SPACE_PROBES: readonly Probe<[Space]>[] = [
  { id: "mptcp.limits", purpose: "servers take in as many subflows as there are WANs", run: limits },
  tool("route.policy", "a routing table per WAN", ["ip", "rule", "add", "fwmark", "1", "lookup", "100"]),
  device("tun.tun", "the tunnel for everything that is not TCP", "tun"),
  device("tun.tap", "the lab's emulated links", "tap"),
  tool(
    "link.wireguard",
    "WireGuard tunnels next to ours; not needed",
    "ip link add probe-wg type wireguard".split(" "),
  ),
  ...["htb", "fq", "fq_codel", "cake", "netem"].map((kind) => qdisc(kind)),
];

/** What a command line of the distribution's tools can set up. */
export function tool(id: string, purpose: string, argv: readonly string[], input?: string): Probe<[Space]> {
  return { id, purpose, run: (space) => tryTool(space, argv, input) };
}

async function tryTool({ exec }: Space, argv: readonly string[], input?: string): Promise<Verdict> {
  const command = argv as [string, ...string[]];
  const shown = input?.trim() ?? argv.join(" ");
  try {
    await exec(command, input === undefined ? {} : { input });
    return yes(shown);
  } catch (error) {
    // Anything else (the tool is missing, or hangs) says nothing about the kernel.
    if (!(error instanceof SennitError) || error.code !== "exec-failed") throw error;
    return no(`${shown}: ${lastWords(error.message)}`);
  }
}

/** The tool's own reason: what follows our command line, its first line. */
function lastWords(message: string): string {
  const [line = ""] = message.replace(/^.*?: exit \d+: /s, "").split("\n");
  return line.replace(/^(\/dev\/stdin:\S+ )?(Error|RTNETLINK answers): /, "");
}

function qdisc(kind: string): Probe<[Space]> {
  const purpose =
    kind === "netem" ? "emulated delay and loss; not needed" : "short queues and fair shares on the WANs";
  return tool(`qdisc.${kind}`, purpose, ["tc", "qdisc", "replace", "dev", "lo", "root", kind]);
}

async function limits(space: Space): Promise<Verdict> {
  let last: Verdict = unknown("not tried");
  for (const limit of SUBFLOW_LIMITS) {
    const set = [
      "ip",
      "mptcp",
      "limits",
      "set",
      "subflows",
      String(limit),
      "add_addr_accepted",
      String(limit),
    ];
    last = await tryTool(space, set);
    if (last.state === "yes") return yes(`up to ${limit} more subflows per connection`);
  }
  return last;
}

function device(id: string, purpose: string, kind: "tun" | "tap"): Probe<[Space]> {
  const run = ({ netns }: Space): Verdict => {
    try {
      inNetns(netns, () => openTunTap(kind, `probe-${kind}`)).close();
      return yes(`/dev/net/tun made a ${kind.toUpperCase()} device`);
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
      // Absent altogether; whatever else it says may be due to our rights.
      return (error.code === "ENOENT" || error.code === "ENXIO" ? no : unknown)(error.message);
    }
  };
  return { id, purpose, run };
}

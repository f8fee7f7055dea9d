import type { Probe, Space, Verdict } from "./probecapability.ts";
import { tool } from "./probespace.ts";

/** One rule in one chain; nft 1.0.6 wants each statement on a line of its own. */
function nft(
  id: string,
  purpose: string,
  family: string,
  hook: string,
  rule: string,
  before = "",
): Probe<[Space]> {
  const table = `table ${family} probe`;
  const script = `${table} {\n${before}chain c {\ntype ${hook};\n${rule}\n}\n}\ndelete ${table}\n`;
  const probe = tool(id, purpose, ["nft", "-f", "-"], script);
  const run = async (space: Space): Promise<Verdict> => {
    const { state, evidence } = await probe.run(space);
    return { state, evidence: evidence.replace(script.trim(), rule) };
  };
  return { id, purpose, run };
}

const RAW = "filter hook prerouting priority raw";
const FORWARD = "filter hook forward priority filter";

/** What nftables and connection tracking can do, each tried as a rule in a table that is gone at once. */
export const NETFILTER_PROBES: readonly Probe<[Space]>[] = [
  nft(
    "nft.tproxy4",
    "take in the LAN's IPv4 connections",
    "ip",
    RAW,
    "meta l4proto tcp tproxy to 127.0.0.1:1",
  ),
  nft("nft.tproxy6", "take in the LAN's IPv6 connections", "ip6", RAW, "meta l4proto tcp tproxy to [::1]:1"),
  nft("nft.fib", "tell the router's own addresses from others", "inet", RAW, "fib daddr type local accept"),
  nft("nft.socket", "recognize packets of our own sockets", "inet", RAW, "socket transparent 1 accept"),
  nft("nft.notrack", "no conntrack entry for proxied connections", "inet", RAW, "notrack"),
  nft(
    "nft.timeout-set",
    "remember refused targets for a while",
    "inet",
    RAW,
    "ip daddr . tcp dport @s drop",
    "set s {\ntype ipv4_addr . inet_service\nflags timeout\n}\n",
  ),
  nft(
    "nft.nat",
    "masquerade what goes out directly",
    "inet",
    "nat hook postrouting priority srcnat",
    "masquerade",
  ),
  nft("nft.ct-count", "NATs of limited size in the lab", "inet", FORWARD, "ct count over 10 drop"),
  nft(
    "nft.reset-option",
    "a middlebox that strips MPTCP, in the lab",
    "inet",
    FORWARD,
    "reset tcp option 30",
  ),
  nft("nft.synproxy", "shield the server from SYN floods; not needed", "inet", FORWARD, "synproxy mss 1460"),
  nft(
    "nft.flowtable",
    "fast path for what is routed; not needed",
    "inet",
    FORWARD,
    "flow add @f",
    "flowtable f {\nhook ingress priority 0\ndevices = { lo }\n}\n",
  ),
  nft("nft.queue", "packets to user space; not needed", "inet", FORWARD, "queue to 1"),
  tool("conntrack.table", "see how full a NAT table is", ["conntrack", "-C"]),
];

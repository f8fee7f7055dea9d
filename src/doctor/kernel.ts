import { KERNEL_RULES, missingKernelRules } from "../netplan/kernelrules.ts";
import { PRIORITY, PROTOCOL, RT_TABLE_MAIN } from "../netplan/own.ts";
import { looking, seen, type Check } from "./check.ts";

/** Linux's RTPROT_KERNEL: rules that every namespace has. */
const PROTOCOL_KERNEL = 2;
/** What Multipath TCP needs for a subflow on each of 8 WANs, on the side that takes them in. */
const SUBFLOWS_NEEDED = 8;
/** Shares of conntrack's table. A burst of connections takes a fifth of it in seconds. */
const CONNTRACK_NEAR = 0.8;
/** No clock that was set shows less (ms since 1970): this program is younger. */
const CLOCK_LEAST = Date.UTC(2026, 0, 1);
/** Files are never younger than now but by what clocks are corrected by (ms). */
const CLOCK_SLACK_MS = 3_600_000;

/** What the kernel must allow, and what others have put into it. */
export const KERNEL_CHECKS: readonly Check[] = [
  {
    code: "mptcp-off",
    severity: "critical",
    cause:
      "Multipath TCP is switched off in this kernel, or not built in: each connection to the other end uses one WAN alone.",
    remedy:
      "`sysctl net.mptcp.enabled=1`; where there is no such key, use a kernel with CONFIG_MPTCP (every Debian from 12 on)",
    look: looking(["mptcpEnabled"], ({ mptcpEnabled }) =>
      mptcpEnabled ? [] : [seen("net.mptcp.enabled is not 1")],
    ),
  },
  {
    code: "limits-low",
    severity: "warning",
    cause:
      "This server's kernel takes in fewer subflows of a connection than a router may have WANs: some WANs carry nothing.",
    remedy: `\`ip mptcp limits set subflows ${SUBFLOWS_NEEDED}\`; a running server sets it by itself`,
    consequenceOf: ["mptcp-off"],
    look: looking(["role", "limits"], ({ role, limits }) =>
      role === "server" && limits.subflows < SUBFLOWS_NEEDED
        ? [seen(`${limits.subflows} subflows per connection, of ${SUBFLOWS_NEEDED} that are needed`)]
        : [],
    ),
  },
  {
    code: "foreign-endpoints",
    severity: "info",
    cause:
      "Another program has given addresses to the kernel's own path manager. Sennit's connections do not use them; those of other programs open subflows by them.",
    remedy:
      "where nothing else here uses Multipath TCP: `ip mptcp endpoint flush`, and keep the network manager from adding them",
    look: looking(["endpoints"], ({ endpoints }) =>
      endpoints.length === 0 ? [] : [seen(`endpoints for ${endpoints.join(", ")}`)],
    ),
  },
  {
    code: "foreign-rules",
    severity: "warning",
    cause:
      "Another program's routing rules are asked before those of the WANs: traffic may leave by another WAN than the one it is for.",
    remedy: `move these rules behind ours (priority ${PRIORITY.direct + 1} or more), or take them away with the program that made them`,
    look: looking(["role", "rules"], ({ role, rules }) => {
      const foreign = rules.filter(
        ({ priority, protocol }) =>
          priority > 0 &&
          priority <= PRIORITY.direct &&
          protocol !== PROTOCOL &&
          protocol !== PROTOCOL_KERNEL,
      );
      if (role !== "router" || foreign.length === 0) return [];
      const described = foreign.map(({ priority, table }) => `${priority} (table ${table ?? "none"})`);
      return [seen(`rules of others at priority ${[...new Set(described)].join(", ")}`)];
    }),
  },
  {
    code: "kernel-rule-missing",
    severity: "critical",
    cause:
      "The routing rule for the main or the default table is gone, with which every machine begins: programs here have no way to anywhere.",
    remedy: "a running router puts it back within a second; see `sennit events` for what took it away",
    look: looking(["rules"], ({ rules }) =>
      missingKernelRules(KERNEL_RULES, rules).map(({ family, table }) =>
        seen(
          `no ${family === "inet" ? "IPv4" : "IPv6"} rule for ${table === RT_TABLE_MAIN ? "main" : "default"}`,
        ),
      ),
    ),
  },
  {
    code: "conntrack-filling",
    severity: "critical",
    cause:
      "The kernel's table of connections is nearly full. When it is, new connections are dropped without a word.",
    remedy:
      "`sysctl net.netfilter.nf_conntrack_max` takes more; a machine in the LAN that opens very many connections shows in `conntrack -L`",
    look: looking(["conntrack"], ({ conntrack: { count, max } }) =>
      count < max * CONNTRACK_NEAR ? [] : [seen(`${count} of ${max} entries are taken`)],
    ),
  },
  {
    code: "clock-off",
    severity: "warning",
    cause:
      "This machine's clock is far off: months of quotas, leases and histories are counted wrongly, and other programs refuse certificates.",
    remedy: "have the clock set from the network (systemd-timesyncd, chrony)",
    look: looking(["clock"], ({ clock: { nowMs, latestMs } }) => {
      const shown = new Date(nowMs).toISOString();
      if (nowMs < CLOCK_LEAST) return [seen(`it shows ${shown}`)];
      if (latestMs === undefined || latestMs - nowMs < CLOCK_SLACK_MS) return [];
      return [
        seen(`it shows ${shown}, and a file of ours was written at ${new Date(latestMs).toISOString()}`),
      ];
    }),
  },
];

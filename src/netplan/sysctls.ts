import {
  DEFAULT_MPTCP,
  type MptcpSettings,
  type RouterIntent,
  type SysctlWish,
  type WanIntent,
} from "./model.ts";
import { LOCAL_PORTS } from "./own.ts";

const MIB = 1024 ** 2;

/** Twice the bandwidth-delay product of what we plan for: 400 Mbit/s in all at a worst round trip of 320 ms. */
const TCP_BUFFER_MAX = 32 * MIB;

/** Bytes a socket accepts beyond what the network has taken: the rest stays with the session, which can still move it. */
const NOTSENT_LOWAT = 128 * 1024;

/**
 * Little more often than a dead WAN is tried (wan/cadence.ts): the kernel's own second (RFC 4861 section 10) would be seen
 * in every return. Whole ticks of any kernel (CONFIG_HZ), which reads back no other value as it was written.
 */
const NEIGHBOUR_RETRANS_MS = "200";

/** As the config has it. */
const mptcp = ({
  checksum,
  staleLossCount,
  blackholeTimeout,
  scheduler,
  congestionControl,
}: MptcpSettings): readonly SysctlWish[] => [
  // In seconds. One dropped MPTCP SYN would turn MPTCP off for the whole namespace for an hour (6.12+). We judge by WAN.
  { key: "net/mptcp/blackhole_timeout", value: String(Math.ceil(blackholeTimeout / 1000)) },
  { key: "net/mptcp/stale_loss_cnt", value: String(staleLossCount) },
  { key: "net/mptcp/checksum_enabled", value: checksum ? "1" : "0" },
  ...(scheduler === undefined ? [] : [{ key: "net/mptcp/scheduler", value: scheduler }]),
  ...(congestionControl === undefined
    ? []
    : [{ key: "net/ipv4/tcp_congestion_control", value: congestionControl }]),
];

/** Both roles. */
const common = (settings = DEFAULT_MPTCP): readonly SysctlWish[] => [
  { key: "net/mptcp/enabled", value: "1" },
  // How long a connection lives without any subflow. The session decides about giving up, not the kernel.
  { key: "net/mptcp/close_timeout", value: "3600" },
  ...mptcp(settings),
  // Carriers are idle and then busy again: that is no reason to start slowly.
  { key: "net/ipv4/tcp_slow_start_after_idle", value: "0" },
  // Where ICMP is filtered, find the size that fits after a loss (RFC 4821), from a size that fits everywhere.
  { key: "net/ipv4/tcp_mtu_probing", value: "1" },
  { key: "net/ipv4/tcp_base_mss", value: "1024" },
  { key: "net/ipv4/tcp_notsent_lowat", value: String(NOTSENT_LOWAT) },
  { key: "net/ipv4/tcp_rmem", lastAtLeast: TCP_BUFFER_MAX },
  { key: "net/ipv4/tcp_wmem", lastAtLeast: TCP_BUFFER_MAX },
];

/**
 * The kernel's own path manager takes joins in without asking anybody. `path_manager` has the place of `pm_type` from
 * 6.15 on; where both exist they agree. Not for routers, where the type is switched socket by socket (withOwnPaths) and a
 * look at the wrong moment would be noted as what was there before us.
 */
export const serverSysctls = (settings?: MptcpSettings): readonly SysctlWish[] => [
  ...common(settings),
  { key: "net/mptcp/pm_type", value: "0" },
  { key: "net/mptcp/path_manager", value: "kernel" },
];

export function routerSysctls(intent: RouterIntent): readonly SysctlWish[] {
  const used = intent.wans.filter(({ role }) => role !== "off");
  const wans = used.map(({ device }) => device);
  return [
    ...(intent.lanAddresses ?? []).map(({ device }) => ({ key: `link/${device}/up`, value: "1" })),
    ...used.flatMap(linkSettings),
    ...common(intent.mptcp),
    ...ROUTER,
    ...[...intent.lan, ...wans].flatMap(forwarding),
    ...wans.flatMap(wanDevice),
    ...used.flatMap(managedDevice),
  ];
}

/** A device is switched on when it is as it should be. */
function linkSettings({ device, link, managed }: WanIntent): readonly SysctlWish[] {
  const wishes = [
    { key: `link/${device}/mac`, value: link?.mac },
    { key: `link/${device}/mtu`, value: link?.mtu?.toString() },
    ...Object.entries(link?.offloads ?? {}).map(([name, value]) => ({
      key: `offload/${device}/${name}`,
      value,
    })),
    { key: `link/${device}/up`, value: managed && "1" },
  ];
  return wishes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]));
}

const managedDevice = ({ device, managed }: WanIntent): readonly SysctlWish[] => [
  ...(managed === undefined
    ? []
    : [
        // The next lease's address may be of the same network, and must not go with the one before it.
        { key: `net/ipv4/conf/${device}/promote_secondaries`, value: "1" },
      ]),
  // 2: also where it forwards (Documentation/networking/ip-sysctl.rst), as hosts that forward are no hosts to the kernel.
  ...(managed?.announced === true ? [{ key: `net/ipv6/conf/${device}/accept_ra`, value: "2" }] : []),
];

const ROUTER: readonly SysctlWish[] = [
  // Ports of our own connections, apart from those of translated ones (firewall.ts).
  { key: "net/ipv4/ip_local_port_range", value: `${LOCAL_PORTS.first} ${LOCAL_PORTS.last}` },
  // A flow goes one way, by its ports; by addresses alone, all of a user's flows to one server would.
  { key: "net/ipv4/fib_multipath_hash_policy", value: "1" },
  { key: "net/ipv6/fib_multipath_hash_policy", value: "1" },
];

/**
 * By device and not by the global switch: that would make a router of every other device here as well, and writing it
 * resets what every device had, so that nobody could put it back. IPv6 knows forwarding by device from 6.17 on
 * (`force_forwarding`); before, IPv6 beside the relay is forwarded only if the operator switched it on.
 */
const forwarding = (device: string): readonly SysctlWish[] => [
  // The way back of a packet is looked for with its mark: without ours there is none (guard.ts).
  { key: `net/ipv4/conf/${device}/src_valid_mark`, value: "1" },
  { key: `net/ipv4/conf/${device}/forwarding`, value: "1" },
  { key: `net/ipv6/conf/${device}/force_forwarding`, value: "1" },
];

const wanDevice = (device: string): readonly SysctlWish[] => [
  // Loose: with several WANs the way back may differ from main's (RFC 3704, 2.4); strict drops joins.
  { key: `net/ipv4/conf/${device}/rp_filter`, value: "2" },
  // A default route over a pulled cable must not hide the next one: direct traffic fails over inside the kernel.
  { key: `net/ipv4/conf/${device}/ignore_routes_with_linkdown`, value: "1" },
  { key: `net/ipv6/conf/${device}/ignore_routes_with_linkdown`, value: "1" },
  // Who asks for the gateway while the WAN is dead waits this long (ms) for an answer, and so, when it is back, do all.
  { key: `net/ipv4/neigh/${device}/retrans_time_ms`, value: NEIGHBOUR_RETRANS_MS },
  { key: `net/ipv6/neigh/${device}/retrans_time_ms`, value: NEIGHBOUR_RETRANS_MS },
];

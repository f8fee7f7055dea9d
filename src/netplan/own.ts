/**
 * Everything by which the kernel state that is ours is known from everybody else's, so that it can be found again after a
 * crash without any memory of our own.
 */

/** The one nftables table, of family inet. */
export const TABLE_NAME = "sennit";

/**
 * Stamped on every rule and route of ours (FRA_PROTOCOL, rtm_protocol). Free in linux/rtnetlink.h and in iproute2's
 * rt_protos; "S" in ASCII.
 */
export const PROTOCOL = 83;

/**
 * The packet mark of a connection that the relay takes. One bit, so that it goes together with the marks of others:
 * Kubernetes has 0xc000, mwan3 0x3f00, Tailscale 0xff0000, Cilium and Calico the low bytes by default.
 */
export const MARK = 0x1000_0000;

/**
 * On every packet that our table saw come in by a LAN or a WAN device. Rules drop what comes in there without: so nothing
 * is forwarded, untranslated or uninvited, while somebody has flushed the table. One mark for both, because the kernel
 * looks for the way back of a packet with the packet's own mark (src_valid_mark).
 */
export const MARK_SEEN = 0x2000_0000;
/**
 * On packets and in conntrack's entries of direct flows: by which WAN the flow goes out, its place in the config plus
 * one. A flow stays where it began, whatever the weights say of new ones.
 */
export const MARK_WAN_MASK = 0x0f00_0000;
export const MARK_WAN_ONE = 0x0100_0000;

/** Routing tables. Numbers need not be small; these stay away from 0-255 (the kernel's and /etc/iproute2's). */
export const RT_TABLE_DIRECT = 8299;
export const RT_TABLE_RELAY = 8300;
/** Plus the WAN's place in the configuration: 8301, 8302, ... the same for both families. */
export const RT_TABLE_FIRST_WAN = 8301;
/**
 * Metrics of the routes that come with addresses of ours, by which these are known (iproute2 6.1 cannot stamp an address
 * with a protocol). The LAN's counts more than a WAN's where both have the same network, and any other's more than ours.
 */
export const METRIC_LAN = 8300;
export const METRIC_FIRST_WAN = 8301;
/** WANs, and LAN, and room to spare. */
const OUR_METRICS = 50;
/** Added to the metric of a backup's default route, so that it counts less than any active one's. */
export const METRIC_BACKUP = 20;
/** The same for a WAN that carries nothing: it is there for when no other is. */
export const METRIC_NOT_CARRYING = 40;

/** Whether an address with this metric was given by us. */
export const isOurMetric = (metric: number | undefined): boolean =>
  metric !== undefined && metric >= METRIC_LAN && metric < METRIC_LAN + OUR_METRICS;

/** The kernel's main table (RT_TABLE_MAIN). */
export const RT_TABLE_MAIN = 254;
/** And the one that it asks last (RT_TABLE_DEFAULT). */
export const RT_TABLE_DEFAULT = 253;

/**
 * Priorities of policy rules; the lower is asked first, and main stands at 32766. One per purpose, so that `ip rule`
 * reads as a table of contents.
 */
export const PRIORITY = {
  /** Right behind `local`: a packet that we marked ourselves must reach the relay, whatever a VPN's rules say. */
  relay: 83,
  /** Before the rules of any other program: what our table has not seen is not forwarded. */
  unseen: 84,
  /** Before these: what the kernel answers the LAN from the same ports. */
  translatedPortsNear: 8280,
  /** What the kernel itself would answer in the name of a translated flow. */
  translatedPorts: 8290,
  /** Sockets bound to a WAN's device. The first of the WAN rules: a binding is the strongest wish. */
  boundToDevice: 8300,
  /** From a WAN's address to what main knows better than by a default route: the LAN, another WAN's modem. */
  fromAddressNear: 8310,
  /** From a WAN's address to the internet. Before main and before the rules of wg-quick (32764 and down). */
  fromAddress: 8320,
  /** From the LAN to what main knows better than by a default route. */
  directNear: 8330,
  /** From the LAN, of a flow that began on a WAN. */
  directBegun: 8340,
  /** From the LAN to the internet. */
  direct: 8350,
} as const;

/**
 * The ports of connections that begin here are the kernel's usual ones; those of translated TCP flows are all others, so
 * that a rule can tell the two apart when the table, and with it the translation, is gone for a moment.
 */
export const LOCAL_PORTS = { first: 32_768, last: 60_999 } as const;
export const TRANSLATED_PORTS = { first: 1024, last: 32_767 } as const;
